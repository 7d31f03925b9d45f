import type { Waiting } from '@factory/shared'
import { agentRefused, conflictOf, hasSlot, standingOf, type Limits, type Situation, type WaitingItem } from './order.ts'

/** Why the item at this place of the queue does not run yet; null when it is the next to be admitted. */
export function whyWaiting(item: WaitingItem, place: number, noted: Waiting | null, situation: Situation, limits: Limits): Waiting | null {
  if (item.notBefore !== null && item.notBefore > situation.now) {
    const until = new Date(item.notBefore).toISOString()
    return noted ?? { code: 'retry_backoff', message: 'waits before the next attempt', until }
  }
  const path = conflictOf(item, situation)
  if (path !== null) return { code: 'file_conflict', message: `another run works on ${path}`, until: null }
  if (!hasSlot(item, standingOf(situation), limits)) return { code: 'repository_slot', message: `all ${limits.maxWorkersPerRepo} workers of ${item.repo} are busy`, until: null }
  const factory = whyFactoryWaits(situation, limits)
  const modelFree = item.status === 'verifying' && factory?.code !== 'worker_slot'
  if (factory && !modelFree) return factory
  const free = limits.maxWorkers - situation.runs.length
  if (place >= free) return { code: 'worker_slot', message: `${place - free + 1} before it in the queue get the next free workers`, until: null }
  if (place > 0 && limits.cooldownSeconds > 0 && item.status !== 'verifying') {
    return { code: 'cooldown', message: `${place} before it; workers start ${limits.cooldownSeconds} s apart`, until: null }
  }
  return null
}

/** What keeps every item that needs the model from running now. */
export function whyFactoryWaits(situation: Situation, limits: Limits): Waiting | null {
  const { maxWorkers, dailyIterations, cooldownSeconds } = limits
  if (situation.runs.length >= maxWorkers) return { code: 'worker_slot', message: `all ${maxWorkers} workers are busy`, until: null }
  const refused = agentRefused(situation, limits)
  if (!refused) return null
  const until = refused.until === null ? null : new Date(refused.until).toISOString()
  switch (refused.outcome) {
    case 'usage_limit':
      return until === null
        ? { code: 'usage_limit', message: "one run tries whether the account's usage limit has ended; the others follow when it has", until }
        : { code: 'usage_limit', message: "the account's usage limit is reached; it goes on by itself", until }
    case 'daily_budget':
      return { code: 'daily_budget', message: `the day's ${dailyIterations} iterations are used or set aside; raise it (factory limits --daily-iterations N) or wait for the next UTC day`, until }
    case 'cooldown':
      return { code: 'cooldown', message: `a worker started less than ${cooldownSeconds} s ago`, until }
    default:
      return refused satisfies never
  }
}
