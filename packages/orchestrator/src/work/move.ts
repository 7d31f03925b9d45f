import type { WorkStatus } from '@factory/shared'
import type { Tx } from '../db/connect.ts'
import { changeItem, type ItemPatch } from './store.ts'
import type { ItemRow } from './view.ts'

/**
 * Moves an item, with what goes with the move, and records it in the same transaction.
 * @throws FactoryError `conflict` (by way of the transaction) when the item's state does not allow it.
 */
export async function moveItem(tx: Tx, item: Pick<ItemRow, 'id' | 'status'>, to: WorkStatus, options: { reason: string; runId?: number | null; set?: ItemPatch; at: Date }): Promise<ItemRow> {
  const event = { type: 'work.status' as const, runId: options.runId ?? null, data: { from: item.status, to, reason: options.reason } }
  return changeItem(tx, item.id, to, options.set ?? {}, event, options.at)
}
