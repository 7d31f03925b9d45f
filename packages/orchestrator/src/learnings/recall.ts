import type { Learning } from '@factory/shared'
import type { Context } from '../context.ts'
import { findLike, learningsById } from './find.ts'
import { countGiven, rankByAge } from './store.ts'

/**
 * What a run of this repository should know before it works on this text, best first. When nothing is
 * like it, the newest. Counts what was given.
 */
export async function recallLearnings(ctx: Pick<Context, 'db' | 'embedder' | 'log'>, wanted: { repo: string; text: string; limit: number }): Promise<Learning[]> {
  const filter = { repo: wanted.repo }
  const found = (await findLike(ctx, wanted.text, filter)).ids.slice(0, wanted.limit)
  const ids = found.length > 0 ? found : await rankByAge(ctx.db.sql, filter, wanted.limit)
  if (ids.length === 0) return []
  await countGiven(ctx.db.sql, ids)
  return learningsById(ctx, ids)
}
