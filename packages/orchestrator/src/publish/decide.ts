import type { ForgeError, ForgePull } from '../ports/forge.ts'

export type PullStep = { do: 'create' } | { do: 'update'; pull: ForgePull; reopen: boolean } | { do: 'keep'; pull: ForgePull }

/**
 * Exactly one pull request per item: an open one is brought up to date, a merged one is the result, and
 * one that a person closed is opened again rather than doubled (they asked for the work anew).
 */
export function decidePull(existing: readonly ForgePull[]): PullStep {
  const open = existing.find((pull) => pull.state === 'open')
  if (open) return { do: 'update', pull: open, reopen: false }
  const merged = existing.find((pull) => pull.merged)
  if (merged) return { do: 'keep', pull: merged }
  const closed = existing[0]
  return closed ? { do: 'update', pull: closed, reopen: true } : { do: 'create' }
}

const MAX_TRIES = 8

/** When to try again; null: give up. The forge's own word on when to come back wins over our back-off. */
export function nextTry(tries: number, error: Pick<ForgeError, 'retryable' | 'retryAt'>, now: Date): Date | null {
  if (!error.retryable) return null
  // being told to wait is not a failed try
  if (error.retryAt !== null) return error.retryAt
  if (tries >= MAX_TRIES) return null
  return new Date(now.getTime() + Math.min(600, 2 ** tries) * 1000)
}
