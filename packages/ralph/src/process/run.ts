import { signalGroup } from './group.ts'
import { mark, newMarker } from './marker.ts'
import { sweep } from './sweep.ts'
import { Tail } from './tail.ts'

export type CommandResult = { exitCode: number | null; durationMs: number; timedOut: boolean; tail: Tail }

export type CommandOptions = {
  command: string
  cwd: string
  /** Of the checkout: what a killed run started is known by it. */
  key: string
  env: Record<string, string>
  /** Milliseconds until the whole process group is ended. */
  limitMs: number
  signal?: AbortSignal
}

const KEPT_BYTES = 262_144
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000

/**
 * Runs one shell command in a process group of its own and leaves nothing of it behind: what it
 * started in the background is ended with it, also where it escaped into another session.
 */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  const marker = newMarker(options.key)
  const began = performance.now()
  const tail = new Tail(KEPT_BYTES)
  const started = start(options, marker)
  if ('problem' in started) {
    tail.write(new TextEncoder().encode(`${started.problem}\n`))
    return { exitCode: CANNOT_START, durationMs: 0, timedOut: false, tail }
  }
  const { child } = started
  const reading = Promise.all([drain(child.stdout, tail), drain(child.stderr, tail)])

  let timedOut = false
  let hard: ReturnType<typeof setTimeout> | undefined
  const end = () => {
    signalGroup(child.pid, 'SIGTERM')
    hard ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE_MS)
  }
  const limit = setTimeout(() => {
    timedOut = true
    end()
  }, options.limitMs)
  options.signal?.addEventListener('abort', end, { once: true })
  if (options.signal?.aborted) end()

  await child.exited
  clearTimeout(limit)
  clearTimeout(hard)
  options.signal?.removeEventListener('abort', end)
  signalGroup(child.pid, 'SIGKILL')
  await sweep(marker)
  await reading
  return { exitCode: child.signalCode === null ? child.exitCode : null, durationMs: Math.round(performance.now() - began), timedOut, tail }
}

/** What a shell says of a command that is there and cannot be run. */
const CANNOT_START = 126

/** A directory that an earlier command took away is a command that fails, not a defect. */
function start({ command, cwd, env }: CommandOptions, marker: string): { child: Bun.Subprocess<'ignore', 'pipe', 'pipe'> } | { problem: string } {
  try {
    return { child: Bun.spawn([shell, '-c', command], { cwd, env: mark(env, marker), stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true }) }
  } catch (error) {
    return { problem: `cannot be started in ${cwd}: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const shell = Bun.which('bash') ?? '/bin/sh'

async function drain(stream: ReadableStream<Uint8Array>, tail: Tail): Promise<void> {
  for await (const chunk of stream) tail.write(chunk)
}
