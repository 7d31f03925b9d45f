import type { Learning, LearningKind } from '@factory/shared'
import type { Context } from '../context.ts'
import { findLike, learningsById } from './find.ts'
import { rankByAge } from './store.ts'

export type LearningSearch = { q: string; repo?: string | undefined; kind?: LearningKind | undefined; limit: number }

/** For people. Without a question the newest; otherwise what is like it, and how it was found. */
export async function searchLearnings(
  ctx: Pick<Context, 'db' | 'embedder' | 'log'>,
  search: LearningSearch,
): Promise<{ learnings: Learning[]; mode: 'hybrid' | 'text' | 'recent' }> {
  const filter = { repo: search.repo, kind: search.kind }
  if (search.q.trim() === '') return { learnings: await learningsById(ctx, await rankByAge(ctx.db.sql, filter, search.limit)), mode: 'recent' }
  const { ids, mode } = await findLike(ctx, search.q, filter)
  return { learnings: await learningsById(ctx, ids.slice(0, search.limit)), mode }
}
