import { FactoryError, type WorkItem, type WorkStatus } from '@factory/shared'
import type { Context } from '../context.ts'
import { reviveEffect } from '../publish/revive.ts'
import { transact } from '../transact.ts'
import { moveItem } from './move.ts'
import { getItem } from './read.ts'
import { noteOnItem } from './note.ts'
import { lockItem } from './store.ts'

/**
 * A person takes an item up again. Failed, cancelled and questioned items go back to where their work
 * goes on (a verified one whose pull request could not be opened goes on publishing); one that waits
 * for a time is freed at once. Counters start anew.
 */
export async function retryWork(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'clock'>, id: number, reason: string): Promise<WorkItem> {
  const at = ctx.clock.now()
  const fresh = { attempts: 0, losses: 0, not_before: null, wait_code: null, wait_message: null, failure_code: null, failure_message: null, question: null, queued_at: at }
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, id)
    if (!item) throw new FactoryError('not_found', `there is no work item ${id}`)
    const again: WorkStatus = item.spec === null ? 'drafting' : 'queued'
    switch (item.status) {
      case 'failed': {
        const to = item.evidence !== null && (await reviveEffect(tx, id, at)) ? 'publishing' : again
        await moveItem(tx, item, to, { reason, set: fresh, at })
        return
      }
      case 'cancelled':
      case 'needs_input':
        await moveItem(tx, item, again, { reason, set: fresh, at })
        return
      case 'drafting':
      case 'queued':
      case 'verifying':
        await noteOnItem(tx, item, { not_before: null, wait_code: null, wait_message: null }, at, { type: 'decision', runId: null, data: { decision: 'freed from waiting', reason } })
        return
      case 'awaiting_approval':
      case 'in_progress':
      case 'publishing':
      case 'completed':
        throw new FactoryError('conflict', `work item ${id} is ${item.status}; there is nothing to retry`)
    }
  })
  return getItem(ctx, id)
}
