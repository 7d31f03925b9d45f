import type { NewLearning } from '@factory/shared'
import { createHash } from 'node:crypto'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { transact } from '../transact.ts'
import { backfillEmbeddings } from './backfill.ts'
import { normalize } from './rank.ts'
import { insertLearning } from './store.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'clock' | 'embedder' | 'log'>

/**
 * Keeps what a run discovered. What the repository knows already, in whatever spelling, is not kept
 * again. The embedding service is asked after the transaction, and may be away: the timer asks again.
 * @returns how many were new
 */
export async function saveLearnings(ctx: Needs, found: { repo: string; itemId: number; runId: number; learnings: readonly NewLearning[] }): Promise<number> {
  const at = ctx.clock.now()
  const saved = await transact(ctx, async (tx) => {
    const rows: { id: number; kind: string; text: string }[] = []
    for (const { kind, text } of found.learnings) {
      const hash = createHash('sha256').update(normalize(text)).digest('hex')
      const id = await insertLearning(tx, { repo: found.repo, kind, text, hash, itemId: found.itemId, runId: found.runId, at })
      if (id !== null) rows.push({ id, kind, text })
    }
    if (rows.length > 0) await recordEvent(tx, { type: 'learning.saved', itemId: found.itemId, runId: found.runId, data: { learnings: rows } })
    return rows
  })
  if (saved.length > 0) await backfillEmbeddings(ctx, saved.length)
  return saved.length
}
