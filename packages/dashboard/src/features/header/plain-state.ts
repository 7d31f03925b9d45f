import type { FactoryStatus } from '@factory/shared'
import { WAIT_WORD } from '../../ui/words.ts'

export type PlainState = { sentence: string; next: { figure: string; of: string; why: string } }

/** The factory's state in a sentence, and when the next worker may start. Derived from the status alone. */
export function plainState(status: FactoryStatus, now: number, clock: (iso: string) => string, length: (seconds: number) => string): PlainState {
  const ahead = (iso: string | null) => iso !== null && Date.parse(iso) > now
  const seconds = (iso: string) => (Date.parse(iso) - now) / 1000
  const { active, allowed } = status.workers
  const busy = active === 0 ? 'No worker is active' : `${active} ${active === 1 ? 'worker is' : 'workers are'} active`

  if (status.pausedUntil !== null && ahead(status.pausedUntil)) {
    const why = status.pauseReason ?? 'paused'
    return { sentence: `Paused until ${clock(status.pausedUntil)}: ${why}. It goes on by itself.`, next: { figure: clock(status.pausedUntil), of: `in ${length(seconds(status.pausedUntil))}`, why } }
  }
  if (status.budget.iterations + status.budget.reserved >= status.budget.limit) {
    return { sentence: `${busy}. Today's iterations are used up; new work starts after midnight UTC, or when DAILY_BUDGET is raised.`, next: { figure: 'Tomorrow', of: '', why: 'the daily budget is used up' } }
  }
  if (status.queue.total === 0) {
    return { sentence: active === 0 ? 'Idle: nothing waits and nothing runs. Label an issue to start.' : `${busy}, nothing else waits.`, next: { figure: 'Ready', of: '', why: 'starts as soon as work comes in' } }
  }
  if (active >= allowed) {
    return { sentence: `${busy}, which is all that are allowed. ${status.queue.total} ${status.queue.total === 1 ? 'item waits' : 'items wait'}.`, next: { figure: 'When one ends', of: '', why: 'all workers are in use' } }
  }
  if (status.cooldownUntil !== null && ahead(status.cooldownUntil)) {
    return { sentence: `${busy}. Cooling down between two starts.`, next: { figure: length(seconds(status.cooldownUntil)), of: '', why: 'cooldown between two starts' } }
  }
  if (status.waiting) {
    const { code, message, until } = status.waiting
    return { sentence: `${busy}. ${WAIT_WORD[code]}.`, next: { figure: until && ahead(until) ? clock(until) : 'Waiting', of: until && ahead(until) ? `in ${length(seconds(until))}` : '', why: message } }
  }
  return { sentence: `${busy}, ${status.queue.total} ${status.queue.total === 1 ? 'item waits' : 'items wait'}.`, next: { figure: 'Now', of: '', why: 'the next one is being started' } }
}
