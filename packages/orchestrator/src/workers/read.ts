import { FactoryError, type Run } from '@factory/shared'
import type { Context } from '../context.ts'
import { loadLatestRuns, loadRun, loadRuns, loadRunsOfItem } from './store.ts'
import { runView } from './view.ts'

type Needs = Pick<Context, 'db'>

export async function getRun(ctx: Needs, id: number): Promise<Run> {
  const row = await loadRun(ctx.db.sql, id)
  if (!row) throw new FactoryError('not_found', `there is no worker ${id}`)
  return runView(row)
}

export async function runsById(ctx: Needs, ids: readonly number[]): Promise<Map<number, Run>> {
  const rows = await loadRuns(ctx.db.sql, ids)
  return new Map(rows.map((row) => [row.id, runView(row)]))
}

export async function runsOfItem(ctx: Needs, itemId: number): Promise<Run[]> {
  return (await loadRunsOfItem(ctx.db.sql, itemId)).map(runView)
}

export async function listWorkers(ctx: Needs, options: { live?: boolean | undefined; limit: number }): Promise<Run[]> {
  return (await loadLatestRuns(ctx.db.sql, options)).map(runView)
}
