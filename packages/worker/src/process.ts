import { pause } from '@factory/shared'
import { isFence } from './halt.ts'
import { inTurns } from './in-turns.ts'

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
/** When for so long nothing more comes out of an ended program's pipes, that was all. */
const LAST_WORDS_MS = 2000
/** What goes on printing is somebody else. */
const LAST_ROUNDS = 5

/** Runs a program in a process group of its own and waits for it; what it says is kept from the end. A signal ends the group, at once when the run was fenced. */
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
  const onAbort = () => void (options.signal && isFence(options.signal) ? signalGroup(child.pid, 'SIGKILL') : end())
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const [stdout, stderr] = [keepTail(child.stdout, options.keepBytes ?? KEEP), keepTail(child.stderr, KEEP)]
  const code = await child.exited
  clearTimeout(timer)
  options.signal?.removeEventListener('abort', onAbort)
  // What the program left running would hold the pipes open for ever; a daemon in a session of its own still does.
  signalGroup(child.pid, 'SIGKILL')
  const enough = new AbortController()
  void Promise.all([stdout.closed, stderr.closed]).then(() => enough.abort())
  const size = () => stdout.size() + stderr.size()
  for (let round = 0, before = -1; round < LAST_ROUNDS && before !== size() && !enough.signal.aborted; round++) {
    before = size()
    await pause(LAST_WORDS_MS, enough.signal)
  }
  return { code: child.signalCode ? null : code, stdout: stdout.text(), stderr: stderr.text(), timedOut }
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

/** The end of a stream so far, and when it is closed. What comes is read on and forgotten, so that its writer is not held up. */
function keepTail(stream: ReadableStream<Uint8Array>, keep: number): { text: () => string; size: () => number; closed: Promise<void> } {
  const parts: Uint8Array[] = []
  let size = 0
  let all = 0
  const read = async (): Promise<void> => {
    for await (const chunk of inTurns(stream)) {
      parts.push(chunk)
      size += chunk.length
      all += chunk.length
      // The first part goes when what is behind it is enough.
      while (parts.length > 1 && size - (parts[0]?.length ?? 0) >= keep) size -= parts.shift()?.length ?? 0
    }
  }
  return {
    text() {
      const kept = Buffer.concat(parts)
      return kept.subarray(Math.max(0, kept.length - keep)).toString()
    },
    size: () => all,
    closed: read(),
  }
}
