import type { Logger, RalphEvent } from '@factory/shared'
import type { Switch } from '../halt.ts'
import { inTurns } from '../in-turns.ts'
import { endGroup, signalGroup } from '../process.ts'
import { sweepRun } from '../sweep.ts'
import { readEvents } from './read.ts'

export type RalphRun = { exitCode: number | null; stderr: string }

/** Ralph ends its agent within ten seconds of a SIGTERM; then it still has to say so. */
const GRACE_MS = 20_000
const KEEP_STDERR = 16_384

/**
 * Runs Ralph to its end and hands each event on. A stop lets it end its agent first; once the run is fenced
 * Ralph and everything of it (whatever has `tmp` as its TMPDIR) is killed at once.
 */
export async function runRalph(options: { command: readonly string[]; cwd: string; env: Record<string, string>; tmp: string; stop: Switch; logger: Logger; onEvent: (event: RalphEvent) => void; graceMs?: number }): Promise<RalphRun> {
  const { stop, logger } = options
  stop.check()
  const child = Bun.spawn([...options.command], { cwd: options.cwd, env: options.env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true })
  const onFence = () => void sweepRun({ tmp: options.tmp, root: child.exitCode === null ? child.pid : null })
  const onStop = () => void endGroup(child.pid, child.exited, options.graceMs ?? GRACE_MS)
  stop.fence.addEventListener('abort', onFence, { once: true })
  stop.signal.addEventListener('abort', onStop, { once: true })
  const said = keepTail(child.stderr)
  // Once Ralph is gone nobody writes events; what it left running must not hold the pipe open.
  const exited = child.exited.then(async (code) => {
    signalGroup(child.pid, 'SIGKILL')
    // A Ralph that did not come to end its agent leaves it behind, in a session of its own.
    await sweepRun({ tmp: options.tmp, root: null })
    return code
  })
  for await (const event of readEvents(inTurns(child.stdout), (why, line) => logger.debug({ why, line: line.slice(0, 200) }, 'line skipped'))) options.onEvent(event)
  const code = await exited
  stop.signal.removeEventListener('abort', onStop)
  stop.fence.removeEventListener('abort', onFence)
  return { exitCode: child.signalCode ? null : code, stderr: await said }
}

async function keepTail(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let tail = ''
  for await (const chunk of inTurns(stream)) tail = (tail + decoder.decode(chunk, { stream: true })).slice(-KEEP_STDERR)
  return tail
}
