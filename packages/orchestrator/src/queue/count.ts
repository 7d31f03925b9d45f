import type { QueueNeeds } from './situation.ts'
import { countByStatus, countWaiting, loadDay, loadState } from './store.ts'

type Count = { name: string; n: number }
export type QueueCounts = { items: Count[]; waiting: Count[]; costToday: number; pauseReason: string | null }

export async function countQueue(ctx: Pick<QueueNeeds, 'db' | 'clock'>): Promise<QueueCounts> {
  const { sql } = ctx.db
  const [items, waiting, day, state] = await Promise.all([countByStatus(sql), countWaiting(sql), loadDay(sql, ctx.clock.now().toISOString().slice(0, 10)), loadState(sql)])
  return {
    items: items.map((row) => ({ name: row.status, n: row.n })),
    waiting: waiting.map((row) => ({ name: row.priority, n: row.n })),
    costToday: day.cost_usd,
    pauseReason: state.pause_reason,
  }
}
