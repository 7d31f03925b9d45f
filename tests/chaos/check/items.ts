import type { Facts, Violation } from './facts.ts'

/** Nothing lost: everything that was asked for is there once, and came to an end that says why. */
export function checkItems({ asked, items }: Facts): Violation[] {
  const found = Map.groupBy(items, (item) => item.source_id)
  return [
    ...asked.flatMap(({ sourceId }): Violation[] => {
      const rows = found.get(sourceId) ?? []
      return rows.length === 1 ? [] : [{ rule: 'lost', about: sourceId, detail: `is there ${rows.length} times` }]
    }),
    ...items.flatMap((item): Violation[] => {
      if (item.status === 'completed') return []
      if (item.status === 'failed' && typeof item['failure_code'] === 'string' && typeof item['failure_message'] === 'string') return []
      return [{ rule: 'lost', about: `item ${item.id}`, detail: `stands still as ${item.status} (${String(item['wait_code'] ?? item['failure_message'] ?? 'no reason')})` }]
    }),
  ]
}
