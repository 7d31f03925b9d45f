import type { WorkStatus } from '@factory/shared'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export type EndedItem = { status: WorkStatus; endedAt: Date; pullNumber: number | null; branch: string | null }

/** What is to be done about an ended item's WIP refs; times are absolute. */
export type RefStep =
  /** It was taken up again. */
  | { do: 'forget' }
  | { do: 'wait'; until: Date }
  | { do: 'ask'; branch: string; pullNumber: number }
  | { do: 'delete' }

/** Before this an item's events, logs and runs are kept; null: for ever. */
export function keptSince(retentionDays: number, now: Date): Date | null {
  return retentionDays === 0 ? null : new Date(now.getTime() - retentionDays * DAY_MS)
}

/** When the forge may be asked about the same item again. */
export function nextAsk(now: Date): Date {
  return new Date(now.getTime() + HOUR_MS)
}

/**
 * The refs of completed work go when its pull request is closed, merged or not. Those of failed and
 * cancelled work are all there is of it, for somebody who takes it up again, and go with its history.
 */
export function decideRefs(item: EndedItem, retentionDays: number, now: Date): RefStep {
  switch (item.status) {
    case 'completed':
      return item.pullNumber === null || item.branch === null ? { do: 'delete' } : { do: 'ask', branch: item.branch, pullNumber: item.pullNumber }
    case 'failed':
    case 'cancelled': {
      // looked at each day even where everything is kept: the setting may change
      if (retentionDays === 0) return { do: 'wait', until: new Date(now.getTime() + DAY_MS) }
      const until = new Date(item.endedAt.getTime() + retentionDays * DAY_MS)
      return until > now ? { do: 'wait', until } : { do: 'delete' }
    }
    default:
      return { do: 'forget' }
  }
}
