import type { RunKind } from '@factory/shared'

/**
 * Admission as a pure function: the same choice as the database function `admit` makes, for showing the
 * queue in its real order, for simulations, and as the statement that a property test holds the SQL to.
 * Times are epoch milliseconds.
 */
export type WaitingItem = {
  id: number
  repo: string
  status: 'drafting' | 'queued' | 'verifying'
  /** 0 critical … 3 low. */
  priorityRank: number
  queuedAt: number
  notBefore: number | null
  files: readonly string[]
}

export type Situation = {
  now: number
  items: readonly WaitingItem[]
  /** Live runs. `reserved`: iterations set aside for them and not used yet. */
  runs: readonly { repo: string; kind: RunKind; files: readonly string[]; reserved: number }[]
  locks: readonly { repo: string; path: string; expiresAt: number }[]
  lastAdmittedAt: ReadonlyMap<string, number>
  lastSpawnAt: number | null
  /** `pausedUntil`: while the account is paused. `canaryLive`: one run tries it, and the others wait for what it finds. */
  account: { pausedUntil: number | null; canaryLive: boolean }
  iterationsToday: number
}

/** `maxWorkersPerRepo` 0: as many as there are workers. */
export type Limits = { maxWorkers: number; maxWorkersPerRepo: number; dailyIterations: number; cooldownSeconds: number; ageHours: number }
export const AGE_HOURS = 6

/** Why no run that uses the model may start. `until` null: until the run that tries the account has found out. */
export type Refusal = { outcome: 'usage_limit'; until: number | null } | { outcome: 'daily_budget' | 'cooldown'; until: number }

export type Choice =
  | { outcome: 'admitted'; item: WaitingItem }
  | { outcome: 'worker_slot' | 'nothing'; until: null }
  | Refusal

/** Which item is admitted now, or why none. */
export function choose(situation: Situation, limits: Limits): Choice {
  if (situation.runs.length >= limits.maxWorkers) return { outcome: 'worker_slot', until: null }
  const refused = agentRefused(situation, limits)
  const standing = standingOf(situation)
  const able = situation.items.filter(
    (item) => (refused === null || item.status === 'verifying') && isDue(item, situation) && hasSlot(item, standing, limits) && conflictOf(item, situation) === null,
  )
  const item = firstOf(able, standing, situation.now, limits)
  if (item) return { outcome: 'admitted', item }
  return refused ?? { outcome: 'nothing', until: null }
}

/** Why no run that uses the model may start now. */
export function agentRefused(situation: Situation, limits: Limits): Refusal | null {
  const { now, account, lastSpawnAt } = situation
  if (account.pausedUntil !== null && account.pausedUntil > now) return { outcome: 'usage_limit', until: account.pausedUntil }
  if (account.canaryLive) return { outcome: 'usage_limit', until: null }
  const reserved = situation.runs.reduce((sum, run) => sum + run.reserved, 0)
  if (limits.dailyIterations - situation.iterationsToday - reserved < 1) return { outcome: 'daily_budget', until: nextUtcDay(now) }
  // a start in the future was written before the clock went back
  const cooled = lastSpawnAt === null || lastSpawnAt > now ? now : lastSpawnAt + limits.cooldownSeconds * 1000
  return cooled > now ? { outcome: 'cooldown', until: cooled } : null
}

function isDue(item: WaitingItem, situation: Situation): boolean {
  return item.notBefore === null || item.notBefore <= situation.now
}

/** The first path for which a build of this item would meet another run, or null. Only builds write files. */
export function conflictOf(item: WaitingItem, situation: Situation): string | null {
  if (item.status !== 'queued') return null
  const held = new Set([
    ...situation.locks.filter((lock) => lock.repo === item.repo && lock.expiresAt > situation.now).map((lock) => lock.path),
    ...situation.runs.filter((run) => run.kind === 'build' && run.repo === item.repo).flatMap((run) => run.files),
  ])
  return item.files.find((path) => held.has(path)) ?? null
}

/** Has the item's repository a worker left? */
export function hasSlot(item: Pick<WaitingItem, 'repo'>, standing: Standing, limits: Limits): boolean {
  return limits.maxWorkersPerRepo < 1 || (standing.live.get(item.repo) ?? 0) < limits.maxWorkersPerRepo
}

/** How each repository stands: what fairness goes by. */
export type Standing = { live: Map<string, number>; served: Map<string, number> }

export function standingOf(situation: Situation): Standing {
  const live = new Map<string, number>()
  for (const run of situation.runs) live.set(run.repo, (live.get(run.repo) ?? 0) + 1)
  return { live, served: new Map(situation.lastAdmittedAt) }
}

/**
 * Verification first (it holds work already paid for), then priority, where waiting makes up for it, then
 * the repository with the fewest live runs, then the one served longest ago, then age.
 */
function compareItems(a: WaitingItem, b: WaitingItem, standing: Standing, now: number, limits: Limits): number {
  return (
    Number(a.status !== 'verifying') - Number(b.status !== 'verifying') ||
    agedRank(a, now, limits) - agedRank(b, now, limits) ||
    (standing.live.get(a.repo) ?? 0) - (standing.live.get(b.repo) ?? 0) ||
    // never served is longest ago
    (standing.served.get(a.repo) ?? 0) - (standing.served.get(b.repo) ?? 0) ||
    a.queuedAt - b.queuedAt ||
    a.id - b.id
  )
}

/** One class is gained for every `ageHours` of waiting, up to high: critical stays critical's own. */
function agedRank(item: WaitingItem, now: number, limits: Limits): number {
  if (item.priorityRank === 0) return 0
  return Math.max(1, item.priorityRank - Math.floor((now - item.queuedAt) / (3_600_000 * limits.ageHours)))
}

function firstOf(items: Iterable<WaitingItem>, standing: Standing, now: number, limits: Limits): WaitingItem | null {
  let best: WaitingItem | null = null
  for (const item of items) if (best === null || compareItems(item, best, standing, now, limits) < 0) best = item
  return best
}

/**
 * The order in which waiting items would be admitted if workers came free one by one. What cannot run
 * yet (a time to wait for, a file in use) stands behind what can.
 */
export function orderQueue(situation: Situation, limits: Limits, atMost: number): WaitingItem[] {
  const now = standingOf(situation)
  const able = (item: WaitingItem) => isDue(item, situation) && hasSlot(item, now, limits) && conflictOf(item, situation) === null
  const ready = takeInTurn(situation.items.filter(able), situation, limits, atMost)
  const held = takeInTurn(situation.items.filter((item) => !able(item)), situation, limits, atMost - ready.length)
  return [...ready, ...held]
}

function takeInTurn(items: readonly WaitingItem[], situation: Situation, limits: Limits, atMost: number): WaitingItem[] {
  const standing = standingOf(situation)
  const { now } = situation
  // Inside one repository the order does not change as others are served, so only the heads compete.
  const queues = Map.groupBy(items, (item) => item.repo)
  for (const queue of queues.values()) queue.sort((a, b) => compareItems(b, a, standing, now, limits))
  const ordered: WaitingItem[] = []
  for (let turn = 1; ordered.length < atMost; turn++) {
    const next = firstOf([...queues.values()].flatMap((queue) => queue.slice(-1)), standing, now, limits)
    if (!next) break
    queues.get(next.repo)?.pop()
    standing.live.set(next.repo, (standing.live.get(next.repo) ?? 0) + 1)
    standing.served.set(next.repo, now + turn)
    ordered.push(next)
  }
  return ordered
}

function nextUtcDay(now: number): number {
  const day = new Date(now)
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 1)
}
