import { FactoryError } from '@factory/shared'
import type { Context } from '../context.ts'
import { loadItem } from './store.ts'
import type { ItemRow } from './view.ts'

/** The item with all its columns, for verbs of other domains. */
export async function readItemRow(ctx: Pick<Context, 'db'>, id: number): Promise<ItemRow> {
  const row = await loadItem(ctx.db.sql, id)
  if (!row) throw new FactoryError('not_found', `there is no work item ${id}`)
  return row
}
