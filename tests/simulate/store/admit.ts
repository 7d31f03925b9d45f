import { isLiveRun, type RunKind } from '@factory/shared'
import { agentRefused, choose, conflictOf, type Limits, type Situation, type WaitingItem } from '../../../packages/orchestrator/src/queue/order.ts'
import { moveAccount } from './account.ts'
import type { Database } from './database.ts'
import { changeItem, recordEvent } from './items.ts'
import { heldPaths } from './locks.ts'
import type { ItemRow, RunRow } from './rows.ts'

export type Admission = { outcome: string; runId: number | null }

export function limitsInForce(db: Database): Limits {
  const { limits } = db.settings
  return { ...limits, maxWorkers: db.limits.maxWorkers ?? limits.maxWorkers, dailyIterations: db.limits.dailyIterations ?? limits.dailyIterations }
}

/** `admit`: gives waiting items runs, up to `atMost`, and says why it stopped short of that. */
export function admit(db: Database, epoch: number | null, atMost: number): Admission[] {
  const admissions: Admission[] = []
  const limits = limitsInForce(db)
  wakeParked(db)
  while (admissions.length < atMost) {
    const waiting = db.items.filter((item) => isWaiting(item) && !item.parked)
    const situation = situationOf(db, waiting)
    if (agentRefused(situation, limits) === null) park(db, waiting, situation)
    const choice = choose({ ...situation, items: situation.items.filter((one) => !db.item(one.id).parked) }, limits)
    if (choice.outcome !== 'admitted') {
      admissions.push({ outcome: choice.outcome, runId: null })
      break
    }
    admissions.push({ outcome: 'admitted', runId: admitItem(db, db.item(choice.item.id), epoch, limits, situation) })
  }
  for (const { outcome } of admissions) db.kernel.count(`admission ${outcome}`)
  return admissions
}

export function isWaiting(item: ItemRow): boolean {
  return (item.status === 'drafting' || item.status === 'queued' || item.status === 'verifying') && item.currentRunId === null
}

export function situationOf(db: Database, waiting: readonly ItemRow[]): Situation {
  const { account } = db
  const now = db.now()
  return {
    now,
    items: waiting.flatMap((item): WaitingItem[] =>
      item.status === 'drafting' || item.status === 'queued' || item.status === 'verifying' ? [{ id: item.id, repo: item.repo, status: item.status, priorityRank: item.priorityRank, queuedAt: item.queuedAt, notBefore: item.notBefore, files: item.files }] : [],
    ),
    runs: db.liveRuns().map((run) => ({ repo: run.repo, kind: run.kind, files: db.item(run.itemId).files, reserved: Math.max(run.granted - run.iterations, 0) })),
    locks: heldPaths(db),
    lastAdmittedAt: db.lastAdmittedAt,
    lastSpawnAt: db.state.lastSpawnAt,
    account: { pausedUntil: account.state === 'paused' ? account.pausedUntil : null, canaryLive: account.state === 'probing' && isLive(db, account.canaryRunId) },
    iterationsToday: db.budgetDays.get(db.day(now)) ?? 0,
  }
}

function isLive(db: Database, runId: number | null): boolean {
  return runId !== null && isLiveRun(db.run(runId).status)
}

/** Heads that are not ready are put aside: until their time, or behind the run that is in their way. */
function park(db: Database, waiting: readonly ItemRow[], situation: Situation): void {
  for (const item of waiting) {
    const view = situation.items.find((one) => one.id === item.id)
    if (item.notBefore !== null && item.notBefore > situation.now) db.write(item, { parked: true })
    else if (view && conflictOf(view, situation) !== null) {
      const blocker = blockerOf(db, item, situation.now)
      db.kernel.count('parked behind a run')
      db.write(item, { parked: true, blockedBy: blocker })
      if (!db.blockers.has(blocker)) db.put(db.blockers, blocker, { due: false, lookedAt: situation.now })
    }
  }
}

/** `blocker_of` */
function blockerOf(db: Database, item: ItemRow, now: number): number {
  const lock = heldPaths(db).find((one) => one.repo === item.repo && item.files.includes(one.path) && one.expiresAt > now)
  const run = lock ? undefined : db.liveRuns().find((one) => one.kind === 'build' && one.repo === item.repo && db.item(one.itemId).files.some((path) => item.files.includes(path)))
  const id = lock?.runId ?? run?.id
  if (id === undefined) throw new Error(`item ${item.id} conflicts with nothing`)
  return id
}

/** `wake_parked` */
function wakeParked(db: Database): void {
  const now = db.now()
  for (const item of db.items) if (item.parked && item.blockedBy === null && item.notBefore !== null && item.notBefore <= now) db.write(item, { parked: false })
  for (const [runId, blocker] of db.blockers) {
    if (!blocker.due && blocker.lookedAt >= now - 60_000 && isLive(db, runId)) continue
    for (const item of db.items) if (item.blockedBy === runId) db.write(item, { parked: item.notBefore !== null && item.notBefore > now, blockedBy: null })
    db.remove(db.blockers, runId)
  }
}

function admitItem(db: Database, item: ItemRow, epoch: number | null, limits: Limits, situation: Situation): number {
  const now = situation.now
  const kind: RunKind = item.status === 'drafting' ? 'spec' : item.status === 'verifying' ? 'verify' : 'build'
  const remaining = limits.dailyIterations - situation.iterationsToday - situation.runs.reduce((sum, run) => sum + run.reserved, 0)
  const token = db.state.token + 1
  const run: RunRow = {
    id: db.runs.length + 1,
    itemId: item.id,
    repo: item.repo,
    kind,
    status: 'starting',
    token,
    worker: `worker-${item.id}-${token}`,
    startedAt: now,
    leaseExpiresAt: now + db.settings.leaseSeconds * 1000,
    registeredAt: null,
    heartbeatAt: null,
    granted: kind === 'verify' ? 0 : Math.min(kind === 'spec' ? 3 : db.settings.maxIterations, remaining),
    iterations: 0,
    headSha: null,
    baseSha: null,
    cancel: null,
    cleanedAt: null,
    ghost: { granted: new Set(), leaseUntil: db.kernel.now + db.settings.leaseSeconds * 1000, canary: null, admittedAt: db.kernel.now },
  }
  db.write(db.state, { token })
  db.insert(db.runs, run)
  changeItem(db, item.id, kind === 'build' ? 'in_progress' : null, { currentRunId: run.id, notBefore: null, waitCode: null }, 'run.admitted', run.id)
  db.put(db.lastAdmittedAt, item.repo, now)
  db.kernel.count(`admitted ${kind}`)
  if (kind === 'verify') return run.id
  db.write(db.state, { lastSpawnAt: now })
  if (db.account.state !== 'open') {
    if (db.account.state === 'probing') moveAccount(db, 'paused', { pausedUntil: now, canaryRunId: null })
    moveAccount(db, 'probing', { pausedUntil: null, canaryRunId: run.id })
    db.write(db.account, { probes: db.account.probes + 1 })
    db.write(run, { ghost: { ...run.ghost, canary: db.account.probes } })
    recordEvent(db, 'account.probed', item.id, run.id)
    db.kernel.count('canary admitted')
  }
  return run.id
}
