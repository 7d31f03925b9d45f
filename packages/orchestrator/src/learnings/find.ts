import { Learning } from '@factory/shared'
import type { Context } from '../context.ts'
import { fuse } from './rank.ts'
import { loadLearnings, rankByText, rankByVector, type LearningFilter, type LearningRow } from './store.ts'

type Needs = Pick<Context, 'db' | 'embedder' | 'log'>

/** How many of each list are fused. */
const EACH = 50
/** What of a text is looked at; embedding models take about 8,000 tokens. */
const MAX_QUERY = 16_000

/** Ids by likeness to a text, best first: by meaning and by words, or by words alone without an embedder. */
export async function findLike(ctx: Needs, text: string, filter: LearningFilter): Promise<{ ids: number[]; mode: 'hybrid' | 'text' }> {
  const query = text.slice(0, MAX_QUERY)
  const byText = await rankByText(ctx.db.sql, filter, query, EACH)
  const near = await embedQuery(ctx, query)
  if (near === null) return { ids: byText, mode: 'text' }
  const byVector = await rankByVector(ctx.db.sql, filter, near, EACH)
  return { ids: fuse([byVector, byText]), mode: 'hybrid' }
}

/** The learnings of these ids, in their order. */
export async function learningsById(ctx: Pick<Context, 'db'>, ids: readonly number[]): Promise<Learning[]> {
  const rows = new Map((await loadLearnings(ctx.db.sql, ids)).map((row) => [row.id, row]))
  return ids.flatMap((id) => {
    const row = rows.get(id)
    return row ? [learningView(row)] : []
  })
}

async function embedQuery(ctx: Needs, text: string): Promise<{ model: string; vector: number[] } | null> {
  const { model } = ctx.embedder
  if (model === null || text.trim() === '') return null
  try {
    const vector = (await ctx.embedder.embed([text]))?.[0]
    return vector ? { model, vector } : null
  } catch (error) {
    ctx.log.warn({ err: error }, 'the embedding service failed; learnings are found by full text')
    return null
  }
}

function learningView(row: LearningRow): Learning {
  return Learning.parse({ id: row.id, repo: row.repo, kind: row.kind, text: row.text, itemId: row.item_id, runId: row.run_id, createdAt: row.created_at.toISOString(), timesGiven: row.times_given })
}
