/** What a process said and how it ended. `output`: the last bytes of stdout and stderr together. */
export type Finished = { code: number | null; stdout: string; stderr: string; timedOut: boolean }

export type RunOptions = {
  cwd: string
  env: Record<string, string>
  signal?: AbortSignal
  /** Milliseconds; then the whole process group is ended. */
  timeoutMs?: number
  stdin?: string
  /** How much of stdout, and of stderr, is kept from its end. Default 1 MiB. */
  keepBytes?: number
}

const KEEP = 1024 * 1024
const GRACE_MS = 5000

/** Runs a program in a process group of its own and waits for it; what it says is kept from the end. */
export async function run(command: readonly string[], options: RunOptions): Promise<Finished> {
  if (options.signal?.aborted) return { code: null, stdout: '', stderr: 'stopped', timedOut: false }
  const child = Bun.spawn([...command], {
    cwd: options.cwd,
    env: options.env,
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
  })
  let timedOut = false
  const end = () => endGroup(child.pid, child.exited)
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
    timedOut = true
    void end()
  }, options.timeoutMs)
  const onAbort = () => void end()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const [stdout, stderr] = [readTail(child.stdout, options.keepBytes ?? KEEP), readTail(child.stderr, KEEP)]
  const code = await child.exited
  clearTimeout(timer)
  options.signal?.removeEventListener('abort', onAbort)
  // What the program left running would hold the pipes open for ever.
  signalGroup(child.pid, 'SIGKILL')
  return { code: child.signalCode ? null : code, stdout: await stdout, stderr: await stderr, timedOut }
}

/** SIGTERM to a process group, and SIGKILL when its leader is not gone after the grace. */
export async function endGroup(pid: number, exited: Promise<unknown>, graceMs = GRACE_MS): Promise<void> {
  signalGroup(pid, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs)
  await exited
  clearTimeout(timer)
  signalGroup(pid, 'SIGKILL')
}

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left in the group.
  }
}

async function readTail(stream: ReadableStream<Uint8Array>, keep: number): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    parts.push(chunk)
    size += chunk.length
    // The first part goes when what is behind it is enough.
    while (parts.length > 1 && size - (parts[0]?.length ?? 0) >= keep) size -= parts.shift()?.length ?? 0
  }
  const all = Buffer.concat(parts)
  return all.subarray(Math.max(0, all.length - keep)).toString()
}
