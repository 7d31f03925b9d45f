import type { Database } from '../store/database.ts'
import type { ItemRow } from '../store/rows.ts'

/** Bookkeeping of the queue, no fact of the item: no event tells of it. */
const UNTOLD: ReadonlySet<string> = new Set(['parked', 'blockedBy'])

/** Rebuilds each item from its events and gives what is not as its row says. */
export function replayDiffers(db: Database): string[] {
  const rebuilt = new Map<number, Partial<ItemRow>>()
  for (const { itemId, patch } of db.events) if (itemId !== null && patch !== null) rebuilt.set(itemId, { ...rebuilt.get(itemId), ...patch })
  const wrong: string[] = []
  for (const item of db.items) {
    const other: Readonly<Record<string, unknown>> = rebuilt.get(item.id) ?? {}
    for (const [key, value] of Object.entries(item)) if (!UNTOLD.has(key) && other[key] !== value) wrong.push(`item ${item.id}: ${key} is ${String(value)}, its events say ${String(other[key])}`)
  }
  return wrong
}
