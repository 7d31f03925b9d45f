import { FactoryError } from '@factory/shared'
import type { Context } from '../context.ts'
import { setReported } from './store.ts'

/** Intake told the source of this revision. */
export async function reportWork(ctx: Pick<Context, 'db'>, id: number, revision: number): Promise<number> {
  const reported = await ctx.db.sql.begin((tx) => setReported(tx, id, revision))
  if (reported === null) throw new FactoryError('not_found', `there is no work item ${id}`)
  return reported
}
