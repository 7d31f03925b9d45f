import type { Context } from '../context.ts'
import { numberLines, type NumberedLine } from './lines.ts'
import { loadPieces } from './store.ts'

/** What the run's worker wrote behind line `after`: at least `lines` lines when there are so many. */
export async function workerLines(ctx: Pick<Context, 'db'>, runId: number, after: number, lines: number): Promise<NumberedLine[]> {
  return numberLines(await loadPieces(ctx.db.sql, runId, after, lines), after)
}
