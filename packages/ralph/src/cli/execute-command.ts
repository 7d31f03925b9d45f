import { NO_USAGE, RALPH_EXIT, type RalphExit } from '@factory/shared'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { openWriter, type Emit } from '../events/writer.ts'
import { render } from '../events/render.ts'
import { readOwn } from '../files.ts'
import { Ended, interrupted, type Outcome } from '../outcome.ts'
import { aiDir, filesIn, inTheWay } from '../place.ts'
import { reconcile } from '../progress/boxes.ts'
import { takeLock } from '../progress/lock.ts'
import { loadState, recordOutcome } from '../progress/state.ts'
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
  work: (given: { run: string; emit: Emit; signal: AbortSignal }) => Promise<Outcome>
}

/**
 * What run, draft and verify have in common: one Ralph at a time in a directory, events with their
 * envelope, heartbeats by a timer, signals, and exactly one `run.finished`, last, whatever happens.
 */
export async function executeCommand(io: Io, job: Job): Promise<RalphExit> {
  const dir = await realpath(resolve(job.dir)).catch(() => null)
  const strange = dir === null ? null : await inTheWay(dir)
  const files = dir === null || strange !== null ? null : filesIn(aiDir(dir))
  const run = job.run ?? (job.resumes !== null && files ? await unfinished(files.state, job.resumes) : null) ?? `r-${crypto.randomUUID().slice(0, 8)}`
  const lock = files === null ? null : await takeLock(files.lock, run)
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
  let carried = false
  try {
    if (dir === null) throw new Ended(RALPH_EXIT.usage, `--dir ${job.dir} is not a directory`)
    if (strange !== null) throw new Ended(RALPH_EXIT.usage, strange)
    if (lock !== null && 'heldBy' in lock) throw new Ended(RALPH_EXIT.lockConflict, `another Ralph (process ${lock.heldBy.pid}, run ${lock.heldBy.run}) works in ${dir}`)
    outcome = await job.work({ run, emit: writer.emit, signal: io.signal })
    carried = true
  } catch (error) {
    outcome = { until: null, headSha: null, usage: NO_USAGE, report: null, ...endingOf(error, io.signal) }
  } finally {
    clearInterval(heart)
  }
  writer.emit({ event: 'run.finished', ...outcome })
  writer.close()
  if (carried && job.resumes !== null && files !== null) await recordOutcome(files.state, run, outcome).catch((error: unknown) => io.err(`ralph: how the run ended could not be written down: ${String(error)}\n`))
  if (free) await lock.release()
  return outcome.exitCode
}

/** Ends after which the same run can go on: all but done. Stuck, because the work so far must not become what it is measured against. */
const GOES_ON: readonly number[] = [RALPH_EXIT.stuck, RALPH_EXIT.lockConflict, RALPH_EXIT.limit, RALPH_EXIT.paused, RALPH_EXIT.auth, RALPH_EXIT.internal, RALPH_EXIT.interrupted, RALPH_EXIT.terminated]

/** The run that was left here, when the spec is still the one it was for. */
async function unfinished(file: string, spec: string): Promise<string | null> {
  const state = await loadState(file)
  if (state === null || (state.outcome !== null && !GOES_ON.includes(state.outcome.exitCode))) return null
  // Killed in the middle of an iteration: an edit of the checklist is the agent's, and no reason to begin anew with it.
  if (state.current !== null) return state.run
  const found = await readOwn(spec)
  return found !== null && reconcile(state.spec, found).tampered ? null : state.run
}

function endingOf(error: unknown, signal: AbortSignal): { exitCode: RalphExit; reason: string } {
  if (error instanceof Ended) return { exitCode: error.exitCode, reason: error.message }
  if (signal.aborted) return interrupted(signal)
  if (error instanceof UsageError) return { exitCode: RALPH_EXIT.usage, reason: error.message }
  return { exitCode: RALPH_EXIT.internal, reason: error instanceof Error ? error.message : String(error) }
}

