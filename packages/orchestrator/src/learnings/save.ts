import type { NewLearning } from '@factory/shared'
import { createHash } from 'node:crypto'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { normalize } from './rank.ts'
import { insertLearning } from './store.ts'

/**
 * Keeps what a run discovered, in the transaction that ends the run. What the repository knows already,
 * in whatever spelling, is not kept again. Vectors come later (`backfill.ts`): the embedding service may
 * be away, and a transaction must not wait for it.
 * @returns how many were new
 */
export async function saveLearnings(tx: Tx, found: { repo: string; itemId: number; runId: number; learnings: readonly NewLearning[]; at: Date }): Promise<number> {
  const rows: { id: number; kind: string; text: string }[] = []
  for (const { kind, text } of found.learnings) {
    const hash = createHash('sha256').update(normalize(text)).digest('hex')
    const id = await insertLearning(tx, { repo: found.repo, kind, text, hash, itemId: found.itemId, runId: found.runId, at: found.at })
    if (id !== null) rows.push({ id, kind, text })
  }
  if (rows.length > 0) await recordEvent(tx, { type: 'learning.saved', itemId: found.itemId, runId: found.runId, data: { learnings: rows } })
  return rows.length
}
