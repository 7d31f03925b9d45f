import type { Tx } from '../db/connect.ts'
import { patchItem, type ItemPatch } from './store.ts'
import type { ItemRow } from './view.ts'

/** Writes facts on an item without moving it. The caller holds the lock. */
export async function noteOnItem(tx: Tx, item: ItemRow, facts: ItemPatch, at: Date): Promise<ItemRow> {
  return patchItem(tx, item.id, facts, at)
}
