import type { ForgeError, ForgePull } from '../ports/forge.ts'

export type PullStep = { do: 'create' } | { do: 'update'; pull: ForgePull; reopen: boolean } | { do: 'keep'; pull: ForgePull }

/**
 * Exactly one pull request per item: an open one is brought up to date, a merged one is the result, and
 * one that a person closed is opened again rather than doubled (they asked for the work anew). Where
 * somebody's hand made several, it is the newest of the first of these kinds that there is.
 */
export function decidePull(existing: readonly ForgePull[]): PullStep {
  const newest = (pulls: readonly ForgePull[]) => pulls.toSorted((a, b) => b.number - a.number)[0]
  const open = newest(existing.filter((pull) => pull.state === 'open'))
  if (open) return { do: 'update', pull: open, reopen: false }
  const merged = newest(existing.filter((pull) => pull.merged))
  if (merged) return { do: 'keep', pull: merged }
  const closed = newest(existing)
  return closed ? { do: 'update', pull: closed, reopen: true } : { do: 'create' }
}

/** Back-off doubles to ten minutes: 20 tries outlast an outage of two hours, 8 take four minutes. */
const MAX_TRIES = { outage: 20, other: 8 } as const
const LONGEST_BACKOFF_S = 600
/** "Come back at once", said again and again, is not asked more often than this. */
const SHORTEST_WAIT_MS = 10_000
/** A forge that only ever says "later" has refused. */
const LONGEST_WAIT_MS = 24 * 3_600_000

/**
 * When to try again; null: give up. The forge's own word on when to come back wins over our back-off, and
 * is no failed try; but it ends a day after the pull request was owed.
 * @param tries failed ones, this one included
 * @param owedSince since when the pull request is owed, without a person having asked for another try
 */
export function nextTry(tries: number, error: Pick<ForgeError, 'code' | 'retryable' | 'retryAt'>, now: Date, owedSince: Date): Date | null {
  if (!error.retryable) return null
  if (error.retryAt !== null) {
    const next = new Date(Math.max(error.retryAt.getTime(), now.getTime() + SHORTEST_WAIT_MS))
    return next.getTime() - owedSince.getTime() <= LONGEST_WAIT_MS ? next : null
  }
  if (tries >= (error.code === 'unreachable' || error.code === 'inconsistent' ? MAX_TRIES.outage : MAX_TRIES.other)) return null
  return new Date(now.getTime() + Math.min(LONGEST_BACKOFF_S, 2 ** tries) * 1000)
}
