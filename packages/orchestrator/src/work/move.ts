import { FactoryError, WORK_TRANSITIONS, type WorkStatus } from '@factory/shared'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { patchItem, type ItemPatch } from './store.ts'
import type { ItemRow } from './view.ts'

/**
 * Moves an item whose row the caller has locked, and records the move in the same transaction.
 * @throws FactoryError `conflict` when the item's state does not allow it.
 */
export async function moveItem(tx: Tx, item: ItemRow, to: WorkStatus, options: { reason: string; runId?: number | null; set?: ItemPatch; at: Date }): Promise<ItemRow> {
  const allowed: readonly WorkStatus[] = WORK_TRANSITIONS[item.status]
  if (!allowed.includes(to)) {
    throw new FactoryError('conflict', `work item ${item.id} is ${item.status}; it cannot become ${to}`)
  }
  const moved = await patchItem(tx, item.id, { ...options.set, status: to }, options.at)
  await recordEvent(tx, { type: 'work.status', itemId: item.id, runId: options.runId ?? null, data: { from: item.status, to, reason: options.reason } })
  return moved
}
