import { FactoryError, type FactoryEvent, type Run, type WorkItem, type WorkSummary } from '@factory/shared'
import type { Context } from '../context.ts'
import { itemEvents } from '../events/read.ts'
import { runsById, runsOfItem } from '../workers/read.ts'
import { listItems, loadItem, type ItemFilter } from './store.ts'
import { itemView, summaryView } from './view.ts'

type Needs = Pick<Context, 'db'>

/** @throws FactoryError `not_found` */
export async function getItem(ctx: Needs, id: number): Promise<WorkItem> {
  const row = await loadItem(ctx.db.sql, id)
  if (!row) throw new FactoryError('not_found', `there is no work item ${id}`)
  const runs = await runsById(ctx, row.current_run_id === null ? [] : [row.current_run_id])
  return itemView(row, runs.get(row.current_run_id ?? -1) ?? null)
}

export async function getWork(ctx: Needs, id: number): Promise<{ item: WorkItem; runs: Run[]; events: FactoryEvent[] }> {
  const item = await getItem(ctx, id)
  return { item, runs: await runsOfItem(ctx, id), events: await itemEvents(ctx, id, 500) }
}

export async function listWork(ctx: Needs, filter: ItemFilter): Promise<{ items: WorkSummary[]; next: number | null }> {
  const rows = await listItems(ctx.db.sql, filter)
  const runs = await runsById(ctx, rows.flatMap((row) => (row.current_run_id === null ? [] : [row.current_run_id])))
  const items = rows.map((row) => summaryView(row, runs.get(row.current_run_id ?? -1) ?? null))
  return { items, next: rows.length === filter.limit ? (rows.at(-1)?.id ?? null) : null }
}
