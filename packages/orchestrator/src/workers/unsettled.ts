import type { Context } from '../context.ts'
import { loadUnsettled } from './store.ts'
import type { RunRow } from './view.ts'

/** Live runs, and ended ones whose worker is not removed yet. */
export async function unsettledRuns(ctx: Pick<Context, 'db'>): Promise<RunRow[]> {
  return loadUnsettled(ctx.db.sql)
}
