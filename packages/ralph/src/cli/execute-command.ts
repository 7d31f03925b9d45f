import { NO_USAGE, RALPH_EXIT, type RalphExit } from '@factory/shared'
import { lstat, realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DEFAULT_PATH } from '../config.ts'
import { openWriter, type Emit } from '../events/writer.ts'
import { render } from '../events/render.ts'
import { Ended, interrupted, type Outcome } from '../outcome.ts'
import { aiDir, filesIn } from '../place.ts'
import { inherit } from '../process/inherit.ts'
import { keyOf } from '../process/marker.ts'
import { takeLock } from '../progress/lock.ts'
import { findUnfinished } from '../progress/unfinished.ts'
import type { Io } from './io.ts'
import { UsageError } from './flags.ts'

const HEARTBEAT_MS = 15_000

export type Job = {
  dir: string
  /** As asked for; null: that of an unfinished run found here, or a new one. */
  run: string | null
  /** The spec whose unfinished run is taken up when no run is named; null: never. */
  resumes: string | null
  quiet: boolean
  plain: boolean
  work: (given: { run: string; key: string; emit: Emit; signal: AbortSignal }) => Promise<Outcome>
}

/**
 * What run, draft and verify have in common: one Ralph at a time in a directory, events with their
 * envelope, heartbeats by a timer, signals, and exactly one `run.finished`, last, whatever happens.
 */
export async function executeCommand(io: Io, job: Job): Promise<RalphExit> {
  const dir = await realpath(resolve(job.dir)).catch(() => null)
  const strange = dir !== null && (await isStrange(aiDir(dir)))
  const files = dir === null || strange ? null : filesIn(aiDir(dir))
  const run = job.run ?? (job.resumes !== null && files ? await findUnfinished(files, job.resumes) : null) ?? `r-${crypto.randomUUID().slice(0, 8)}`
  const lock = files === null ? null : await takeLock(files.lock, run).catch((error: unknown) => ({ problem: wordsOf(error) }))
  const free = lock !== null && 'release' in lock
  const style = { color: io.color && !job.plain, quiet: job.quiet, time: io.color }
  let iteration = 0
  const writer = openWriter({
    run,
    // The file belongs to whoever holds the lock.
    file: files !== null && free ? files.events : null,
    now: io.now,
    out: io.out,
    onEvent(event) {
      if (event.event === 'iteration.started') iteration = event.iteration
      const line = render(event, style)
      if (line !== null) io.err(`${line}\n`)
    },
  })
  const began = io.now().getTime()
  const heart = setInterval(() => writer.emit({ event: 'heartbeat', iteration, elapsedMs: io.now().getTime() - began }), io.heartbeatMs ?? HEARTBEAT_MS)
  let outcome: Outcome
  try {
    if (dir === null) throw new Ended(RALPH_EXIT.usage, `--dir ${job.dir} is not a directory`)
    if (strange) throw new Ended(RALPH_EXIT.usage, `${aiDir(dir)} is not a directory; Ralph keeps its files there and follows no link`)
    if (lock !== null && 'problem' in lock) throw new Ended(RALPH_EXIT.usage, `Ralph's files cannot be written: ${lock.problem}`)
    if (lock !== null && 'heldBy' in lock) throw new Ended(RALPH_EXIT.lockConflict, `another Ralph (process ${lock.heldBy.pid}, run ${lock.heldBy.run}) works in ${dir}`)
    const key = keyOf(dir)
    if (files !== null && free) {
      const ended = await inherit({ dir, key, files: dirname(files.lock), path: io.env.PATH ?? DEFAULT_PATH, died: lock.tookOver })
      if (ended > 0) io.err(`ralph: ended ${ended} processes of a run that was killed here\n`)
    }
    outcome = await job.work({ run, key, emit: writer.emit, signal: io.signal })
  } catch (error) {
    outcome = { until: null, headSha: null, usage: NO_USAGE, report: null, ...endingOf(error, io.signal) }
  } finally {
    clearInterval(heart)
  }
  writer.emit({ event: 'run.finished', ...outcome })
  writer.close()
  if (free) await lock.release()
  return outcome.exitCode
}

/** A repository could make .ai a link to a place outside of it. */
async function isStrange(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => null)
  return stat !== null && !stat.isDirectory()
}

function endingOf(error: unknown, signal: AbortSignal): { exitCode: RalphExit; reason: string } {
  if (error instanceof Ended) return { exitCode: error.exitCode, reason: error.message }
  if (signal.aborted) return interrupted(signal)
  if (error instanceof UsageError) return { exitCode: RALPH_EXIT.usage, reason: error.message }
  return { exitCode: RALPH_EXIT.internal, reason: wordsOf(error) }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

