import { RUN_TRANSITIONS, RunStatus, WORK_TRANSITIONS, WorkStatus } from '@factory/shared'
import type { EventRow, Facts, ItemRow, Violation } from './facts.ts'

/** Bookkeeping of the queue and of intake, no facts of the item: no event tells of them. */
const UNTOLD = ['priority_rank', 'parked', 'blocked_by', 'reported_revision']

/** Every item's events rebuild its row, by allowed moves alone, and every run began and ended once. */
export function checkMoves({ items, runs, events }: Facts): Violation[] {
  const byItem = Map.groupBy(events, (event) => event.item_id)
  const byRun = Map.groupBy(events, (event) => event.run_id)
  return [
    ...items.flatMap((item) => [...checkStatuses(item, byItem.get(item.id) ?? []), ...checkReplay(item, byItem.get(item.id) ?? [])]),
    ...runs.flatMap((run) => checkRun(run, byRun.get(run.id) ?? [])),
    ...checkTokens(runs),
  ]
}

function checkStatuses(item: ItemRow, events: readonly EventRow[]): Violation[] {
  const statuses = events.flatMap((event) => (event.patch && 'status' in event.patch ? [WorkStatus.parse(event.patch['status'])] : []))
  return statuses.slice(1).flatMap((to, index): Violation[] => {
    const from = statuses[index]
    const allowed: readonly WorkStatus[] = from ? WORK_TRANSITIONS[from] : []
    return allowed.includes(to) ? [] : [{ rule: 'illegal_move', about: `item ${item.id}`, detail: `${from} → ${to}` }]
  })
}

function checkReplay(item: ItemRow, events: readonly EventRow[]): Violation[] {
  const rebuilt: Record<string, unknown> = {}
  for (const event of events) Object.assign(rebuilt, event.patch)
  const differing = Object.keys(item).filter((key) => !UNTOLD.includes(key) && !Bun.deepEquals(asTime(item[key]), asTime(rebuilt[key])))
  return differing.map((key) => ({ rule: 'replay', about: `item ${item.id}`, detail: `${key} is ${JSON.stringify(item[key])}, and its events say ${JSON.stringify(rebuilt[key])}` }))
}

/** The same moment is written with a Z by us and with +00:00 by PostgreSQL. */
function asTime(value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value) ? new Date(value).getTime() : value
}

function checkRun(run: Facts['runs'][number], events: readonly EventRow[]): Violation[] {
  const about = `run ${run.id} of item ${run.item_id}`
  const times = (type: string) => events.filter((event) => event.type === type).length
  const found: Violation[] = []
  if (times('run.admitted') !== 1) found.push({ rule: 'run_ended', about, detail: `was admitted ${times('run.admitted')} times` })
  if (times('run.registered') > 1) found.push({ rule: 'run_ended', about, detail: `registered ${times('run.registered')} times` })
  if (times('run.finished') !== 1) found.push({ rule: 'run_ended', about, detail: `ended ${times('run.finished')} times (${run.status})` })
  const ways = ['starting', ...(times('run.registered') > 0 ? ['running'] : []), ...events.filter((event) => event.type === 'run.finished').map((event) => String(event.data['status']))].map((status) => RunStatus.parse(status))
  ways.slice(1).forEach((to, index) => {
    const from = ways[index]
    const allowed: readonly RunStatus[] = from ? RUN_TRANSITIONS[from] : []
    if (!allowed.includes(to)) found.push({ rule: 'illegal_move', about, detail: `${from} → ${to}` })
  })
  return found
}

/** A token is given once, and to each run of an item a higher one. */
function checkTokens(runs: Facts['runs']): Violation[] {
  const last = new Map<number, number>()
  const seen = new Set<number>()
  return runs.toSorted((a, b) => a.id - b.id).flatMap((run): Violation[] => {
    const fresh = !seen.has(run.token) && run.token > (last.get(run.item_id) ?? 0)
    seen.add(run.token)
    last.set(run.item_id, run.token)
    return fresh ? [] : [{ rule: 'token', about: `run ${run.id}`, detail: `has token ${run.token}` }]
  })
}
