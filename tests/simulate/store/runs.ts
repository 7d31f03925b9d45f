import { isLiveRun, type RunStatus } from '@factory/shared'
import { Refused } from '../kernel/refused.ts'
import type { Database } from './database.ts'
import { recordEvent } from './items.ts'
import type { RunRow } from './rows.ts'

/** `lock_speaking_run` @throws Refused stale_token (FX002) */
export function lockSpeakingRun(db: Database, runId: number, token: number): RunRow {
  const run = db.run(runId)
  if (!db.settings.without.has('fencing') && (run.token !== token || !isLiveRun(run.status))) {
    db.kernel.count('refused token')
    throw new Refused('stale_token', `run ${runId} has ended (${run.status})`)
  }
  return run
}

/** `speakFor`, as the verbs do it before they change anything. @throws Refused stale_token */
export function speakFor(db: Database, runId: number, token: number): RunRow {
  const run = lockSpeakingRun(db, runId, token)
  if (!db.settings.without.has('fencing') && db.item(run.itemId).currentRunId !== runId) throw new Refused('stale_token', `item ${run.itemId} is another run's`)
  return run
}

/** `register_run`; true: the first time. */
export function registerRun(db: Database, runId: number, token: number, at: number): boolean {
  const run = lockSpeakingRun(db, runId, token)
  const first = run.registeredAt === null
  db.write(run, { status: 'running', registeredAt: run.registeredAt ?? at, ...lease(db, run, at) })
  if (first) recordEvent(db, 'run.registered', run.itemId, runId)
  return first
}

/** `renew_run`: lease, mirror of the locks, usage. Gives the paths that the run holds, and whether it shall end. */
export function renewRun(db: Database, runId: number, token: number, at: number, told: { iterations: number; headSha: string | null; baseSha: string | null }): { paths: string[]; cancel: RunRow['cancel'] } {
  const run = lockSpeakingRun(db, runId, token)
  db.write(run, { ...lease(db, run, at), headSha: told.headSha ?? run.headSha, baseSha: told.baseSha ?? run.baseSha })
  bookUsage(db, run, told.iterations, at)
  const paths: string[] = []
  for (const lock of db.fileLocks.values()) {
    if (lock.runId !== runId) continue
    db.write(lock, { expiresAt: at + db.settings.lockSeconds * 1000 })
    paths.push(lock.path)
  }
  return { paths, cancel: run.cancel }
}

/** Never shorter than what was given, never longer than a lease from now by the database's clock. */
function lease(db: Database, run: RunRow, at: number): Pick<RunRow, 'leaseExpiresAt' | 'ghost' | 'heartbeatAt'> {
  const leaseMs = db.settings.leaseSeconds * 1000
  const given = at + leaseMs
  if (given < run.leaseExpiresAt) db.kernel.count('renewal came late')
  const leaseExpiresAt = db.settings.without.has('lateness') ? given : Math.min(Math.max(run.leaseExpiresAt, given), db.now() + leaseMs)
  return { leaseExpiresAt, heartbeatAt: at, ghost: { ...run.ghost, leaseUntil: leaseExpiresAt - db.offset } }
}

function bookUsage(db: Database, run: RunRow, iterations: number, at: number): void {
  const more = iterations - run.iterations
  if (more <= 0) return
  db.write(run, { iterations })
  const day = db.day(at)
  db.put(db.budgetDays, day, (db.budgetDays.get(day) ?? 0) + more)
}

/** `end_run`: the first report counts; false: it had ended. `token` null: the leader says so. */
export function endRun(db: Database, runId: number, token: number | null, end: { status: RunStatus; iterations: number; headSha: string | null; baseSha: string | null; at: number }): boolean {
  const run = db.run(runId)
  if (!isLiveRun(run.status) && !db.settings.without.has('fencing')) return false
  if (token !== null && run.token !== token && !db.settings.without.has('fencing')) throw new Refused('stale_token', `run ${runId} has another token`)
  bookUsage(db, run, end.iterations, end.at)
  db.write(run, { status: end.status, headSha: end.headSha ?? run.headSha, baseSha: end.baseSha ?? run.baseSha, ghost: { ...run.ghost, granted: new Set<string>() } })
  recordEvent(db, 'run.finished', run.itemId, runId)
  return true
}

export function askRunToEnd(db: Database, runId: number, cancel: NonNullable<RunRow['cancel']>): void {
  const run = db.run(runId)
  if (isLiveRun(run.status) && run.cancel === null) db.write(run, { cancel })
}
