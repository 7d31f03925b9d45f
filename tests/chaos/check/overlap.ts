import type { Facts, Violation } from './facts.ts'

/**
 * No two workers of one item at a time, as the workers themselves wrote it down: nothing of an older token
 * stands behind the first line of a newer one.
 */
export function checkOverlap({ journal }: Facts): Violation[] {
  const newest = new Map<number, number>()
  const found = new Map<string, Violation>()
  for (const { itemId, token, what } of journal) {
    const last = newest.get(itemId) ?? 0
    if (token >= last) newest.set(itemId, token)
    else found.set(`${itemId} ${token}`, { rule: 'two_at_once', about: `item ${itemId}`, detail: `the worker of token ${token} ${what} after that of token ${last} began` })
  }
  return [...found.values()]
}
