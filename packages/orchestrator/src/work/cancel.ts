import { FactoryError, isTerminalWork, type WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { transact } from '../transact.ts'
import { askRunToEnd } from '../workers/ask-to-end.ts'
import { moveItem } from './move.ts'
import { getItem } from './read.ts'
import { lockItem } from './store.ts'

/** Stops an item. Its live run is told by the next heartbeat and ended by the scheduler. Twice is once. */
export async function cancelWork(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'clock'>, id: number, reason: string): Promise<WorkItem> {
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, id)
    if (!item) throw new FactoryError('not_found', `there is no work item ${id}`)
    if (item.status === 'cancelled') return
    if (isTerminalWork(item.status)) throw new FactoryError('conflict', `work item ${id} is ${item.status}; there is nothing to cancel`)
    if (item.current_run_id !== null) await askRunToEnd(tx, item.current_run_id, { code: 'cancelled', reason })
    await moveItem(tx, item, 'cancelled', { reason, set: { not_before: null, wait_code: null, wait_message: null, question: null }, at: ctx.clock.now() })
  })
  return getItem(ctx, id)
}
