import { NO_USAGE, RALPH_EXIT, type RalphExit } from '@factory/shared/ralph'
import { realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DEFAULT_PATH } from '../config.ts'
import { openWriter } from '../events/writer.ts'
import { openScreen } from '../events/screen.ts'
import { Ended, interrupted, type Outcome } from '../outcome.ts'
import { aiDir, filesIn, inTheWay } from '../place.ts'
import { inherit } from '../process/inherit.ts'
import { keyOf } from '../process/marker.ts'
import { takeLock, type Holder } from '../progress/lock.ts'
import { loadState, recordOutcome } from '../progress/state.ts'
import type { World } from '../world.ts'
import type { Io } from './io.ts'
import { unfinishedRun } from './unfinished.ts'
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
  work: (given: { run: string } & Pick<World, 'key' | 'emit' | 'nextSeq' | 'withoutHeartbeat' | 'signal'>) => Promise<Outcome>
}

/**
 * What run, draft and verify have in common: one Ralph at a time in a directory, events with their
 * envelope, heartbeats by a timer, signals, and exactly one `run.finished`, last, whatever happens.
 */
export async function executeCommand(io: Io, job: Job): Promise<RalphExit> {
  const dir = await realpath(resolve(job.dir)).catch(() => null)
  const strange = dir === null ? null : await inTheWay(dir)
  const files = dir === null || strange !== null ? null : filesIn(aiDir(dir))
  const asked = job.run ?? (job.resumes !== null && files ? await unfinishedRun(files, job.resumes) : null) ?? newRun()
  const lock = files === null ? null : await tryLock(files.lock, asked)
  const free = lock !== null && 'release' in lock
  // The numbers of a run that somebody else carries are theirs to give.
  const run = lock !== null && 'heldBy' in lock ? newRun() : asked
  const screen = openScreen({ write: io.err, style: { color: io.color && !job.plain, quiet: job.quiet, time: io.terminal !== undefined }, terminal: job.plain ? null : (io.terminal ?? null), before: await before(files?.state ?? null, run), now: () => io.now().getTime() })
  // A run whose events cannot be kept stops like one that is told to, and says why at its end.
  const broken = new AbortController()
  let iteration = 0
  const writer = openWriter({
    run,
    // The file belongs to whoever holds the lock.
    file: files !== null && free ? files.events : null,
    now: io.now,
    out: io.eventsOut === false ? () => undefined : io.out,
    onEvent(event) {
      if (event.event === 'iteration.started') iteration = event.iteration
      screen.show(event)
    },
    onFailure: (reason) => broken.abort(reason),
    ...(io.openLog ? { open: io.openLog } : {}),
  })
  const signal = AbortSignal.any([io.signal, broken.signal])
  const began = io.now().getTime()
  const first = writer.next()
  let silent = false
  const withoutHeartbeat = async (use: () => Promise<void>): Promise<void> => {
    silent = true
    try {
      await use()
    } finally {
      silent = false
    }
  }
  const heart = setInterval(() => {
    // What a killed life did not come to tell is told first, and is known by its numbers.
    if (!silent && writer.next() > first) writer.emit({ event: 'heartbeat', iteration, elapsedMs: io.now().getTime() - began })
  }, io.heartbeatMs ?? HEARTBEAT_MS)
  let outcome: Outcome
  let carried = false
  try {
    if (dir === null) throw new Ended(RALPH_EXIT.usage, `--dir ${job.dir} is not a directory`)
    if (strange !== null) throw new Ended(RALPH_EXIT.usage, strange)
    if (lock !== null && 'heldBy' in lock) throw new Ended(RALPH_EXIT.lockConflict, `another Ralph (process ${lock.heldBy.pid}, run ${lock.heldBy.run}) works in ${dir}`)
    if (lock !== null && 'problem' in lock) throw new Ended(RALPH_EXIT.internal, lock.problem)
    if (writer.failure() !== null) throw new Ended(RALPH_EXIT.internal, 'nothing was begun')
    const key = keyOf(dir)
    if (files !== null && free) {
      const ended = await inherit({ dir, key, files: dirname(files.lock), path: io.env.PATH ?? DEFAULT_PATH, died: lock.tookOver })
      if (ended > 0) io.err(`ralph: ended ${ended} processes of a run that was killed here\n`)
    }
    outcome = await job.work({ run, key, emit: writer.emit, nextSeq: writer.next, withoutHeartbeat, signal })
    carried = true
    if (broken.signal.aborted && !io.signal.aborted && outcome.exitCode === RALPH_EXIT.terminated) outcome = { ...outcome, exitCode: RALPH_EXIT.internal, reason: 'the run was stopped, its work is kept' }
  } catch (error) {
    const left = free && job.resumes !== null && files !== null ? await loadState(files.state) : null
    const used = left?.run === run ? { headSha: left.head, usage: left.usage } : { headSha: null, usage: NO_USAGE }
    outcome = { until: null, report: null, ...used, ...endingOf(error, signal) }
  } finally {
    clearInterval(heart)
  }
  writer.emit({ event: 'run.finished', ...outcome })
  const exitCode = writer.failure() === null ? outcome.exitCode : RALPH_EXIT.internal
  screen.close()
  await writer.close()
  if (carried && job.resumes !== null && files !== null) await recordOutcome(files.state, run, { ...outcome, exitCode }).catch((error: unknown) => io.err(`ralph: how the run ended could not be written down: ${String(error)}\n`))
  if (free) await lock.release().catch(() => undefined)
  return exitCode
}

const newRun = (): string => `r-${crypto.randomUUID().slice(0, 8)}`

/** As {@link takeLock}; a directory that cannot be written is a reason, not a crash. */
async function tryLock(file: string, run: string): Promise<{ release: () => Promise<void>; tookOver: boolean } | { heldBy: Holder } | { problem: string }> {
  try {
    return await takeLock(file, run)
  } catch (error) {
    return { problem: `Ralph's files cannot be written: ${wordsOf(error)}` }
  }
}

/** What a run that goes on has used up before. */
async function before(file: string | null, run: string): Promise<{ costUsd: number; elapsedMs: number }> {
  const state = file === null ? null : await loadState(file)
  return state?.run === run ? { costUsd: state.usage.costUsd, elapsedMs: state.elapsedMs } : { costUsd: 0, elapsedMs: 0 }
}

function endingOf(error: unknown, signal: AbortSignal): { exitCode: RalphExit; reason: string } {
  if (error instanceof Ended) return { exitCode: error.exitCode, reason: error.message }
  if (signal.aborted && signal.reason !== 'SIGINT' && signal.reason !== 'SIGTERM') return { exitCode: RALPH_EXIT.internal, reason: 'the run was stopped' }
  if (signal.aborted) return interrupted(signal)
  if (error instanceof UsageError) return { exitCode: RALPH_EXIT.usage, reason: error.message }
  return { exitCode: RALPH_EXIT.internal, reason: wordsOf(error) }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
