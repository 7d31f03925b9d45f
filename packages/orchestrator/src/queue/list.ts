import type { WorkSummary } from '@factory/shared'
import { listWork } from '../work/read.ts'
import { orderQueue } from './order.ts'
import { whyWaiting } from './reason.ts'
import { readSituation, type QueueNeeds } from './situation.ts'

/** Waiting items in the order in which they will be admitted, each with what it waits for. */
export async function listQueue(ctx: QueueNeeds, limit: number): Promise<WorkSummary[]> {
  const { situation, limits } = await readSituation(ctx, limit)
  const ordered = orderQueue(situation, limits, limit)
  const { items } = await listWork(ctx, { ids: ordered.map((item) => item.id), limit })
  const summaries = new Map(items.map((item) => [item.id, item]))
  return ordered.flatMap((item, place) => {
    const summary = summaries.get(item.id)
    return summary ? [{ ...summary, waiting: whyWaiting(item, place, summary.waiting, situation, limits) }] : []
  })
}
