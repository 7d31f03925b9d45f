import type { Context } from '../context.ts'
import { loadUnembedded, setEmbedding } from './store.ts'

/**
 * Gives vectors to learnings that have none of the present model: saved while the service was away, or
 * before the model was changed. Called after saving and on a timer. Never throws for the service's sake.
 * @returns how many got one
 */
export async function backfillEmbeddings(ctx: Pick<Context, 'db' | 'embedder' | 'log'>, limit = 64): Promise<number> {
  const { model } = ctx.embedder
  if (model === null) return 0
  const rows = await loadUnembedded(ctx.db.sql, model, limit)
  if (rows.length === 0) return 0
  let vectors: number[][] | null
  try {
    vectors = await ctx.embedder.embed(rows.map((row) => row.text))
  } catch (error) {
    ctx.log.warn({ err: error, waiting: rows.length }, 'the embedding service failed; it will be asked again')
    return 0
  }
  if (vectors === null) return 0
  let filled = 0
  for (const [index, row] of rows.entries()) {
    const vector = vectors[index]
    if (!vector) continue
    await setEmbedding(ctx.db.sql, row.id, model, vector)
    filled++
  }
  return filled
}
