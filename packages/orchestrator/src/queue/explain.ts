import type { Waiting, WorkItem } from '@factory/shared'
import { orderQueue } from './order.ts'
import { whyWaiting } from './reason.ts'
import { readSituation, type QueueNeeds } from './situation.ts'

/** An item further back than this is behind enough others to say so. */
const DEPTH = 200

/** What an item waits for at this moment: derived, because it changes without the item. null when it runs, rests or is the next. */
export async function explainWaiting(ctx: QueueNeeds, item: Pick<WorkItem, 'id' | 'status' | 'run' | 'waiting'>): Promise<Waiting | null> {
  if ((item.status !== 'drafting' && item.status !== 'queued' && item.status !== 'verifying') || item.run !== null) return item.waiting
  const { situation, limits } = await readSituation(ctx, DEPTH)
  const ordered = orderQueue(situation, limits, DEPTH)
  const place = ordered.findIndex((one) => one.id === item.id)
  const found = ordered[place]
  if (!found) return item.waiting ?? { code: 'worker_slot', message: `${DEPTH} and more before it in the queue get the next free workers`, until: null }
  return whyWaiting(found, place, item.waiting, situation, limits)
}
