import type { Tx } from '../db/connect.ts'
import { changeItem, type ChangeEvent, type ItemPatch } from './store.ts'
import type { ItemRow } from './view.ts'

export type { ItemPatch }

/** Writes facts on an item without moving it; the record tells of it by `event`, or only which facts they were. */
export async function noteOnItem(tx: Tx, item: Pick<ItemRow, 'id'>, facts: ItemPatch, at: Date, event?: ChangeEvent): Promise<ItemRow> {
  return changeItem(tx, item.id, null, facts, event ?? { type: 'work.noted', runId: null, data: { fields: Object.keys(facts) } }, at)
}
