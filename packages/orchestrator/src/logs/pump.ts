import { redactText } from '@factory/shared'
import type { Context } from '../context.ts'
import type { LogPiece } from '../ports/worker-runtime.ts'
import { unsettledRuns } from '../workers/unsettled.ts'
import { linesOf } from './lines.ts'
import { insertPiece, loadLastPiece, type LastPiece } from './store.ts'

type Needs = Pick<Context, 'db' | 'runtime' | 'clock' | 'config' | 'log'>
type RunRef = { id: number; worker: string }

/** Bytes of one reading. */
const PIECE_BYTES = 524_288
/** Pieces of one run in one pass: one that writes without end keeps no other waiting. */
const PIECES_A_PASS = 16
/** Runs read at a time. */
const AT_A_TIME = 8

/**
 * Reads on in the output of every worker that is not removed yet, living or ended, from where it was
 * read before, and keeps it. Killed anywhere it is repeated without loss or doubles; two at once do not
 * disturb each other. Never throws for the engine's sake: what cannot be read is tried again.
 * @returns pieces kept
 * @throws Error when the database does not answer
 */
export async function pumpLogs(ctx: Needs): Promise<number> {
  const runs = (await unsettledRuns(ctx)).filter((run) => run.runtime !== null)
  let kept = 0
  for (let at = 0; at < runs.length; at += AT_A_TIME) {
    const results = await Promise.allSettled(runs.slice(at, at + AT_A_TIME).map((run) => pumpRun(ctx, run, PIECES_A_PASS)))
    for (const result of results) if (result.status === 'fulfilled') kept += result.value
    const failed = results.find((result) => result.status === 'rejected')
    if (failed === undefined) continue
    ctx.log.warn({ err: failed.reason }, 'the output of a worker could not be read; it is tried again')
    // Each further reading would wait as long for a silent engine.
    if (!(await engineAnswers(ctx))) break
  }
  return kept
}

/**
 * Reads the rest of an ended worker's output, before it is removed.
 * @throws Error when the engine or the database does not answer; a log that the engine itself cannot
 *   read is given up, or its worker could never be removed
 */
export async function drainLog(ctx: Needs, run: RunRef): Promise<void> {
  try {
    await pumpRun(ctx, run, Infinity)
  } catch (error) {
    if (!(error instanceof ReadFailed) || !(await engineAnswers(ctx))) throw error
    ctx.log.warn({ err: error, runId: run.id }, 'the rest of a worker’s output could not be read and is lost')
  }
}

class ReadFailed extends Error {}

async function pumpRun(ctx: Needs, run: RunRef, most: number): Promise<number> {
  for (let kept = 0; ; ) {
    const last = await loadLastPiece(ctx.db.sql, run.id)
    const piece = await read(ctx, run, last?.position ?? null)
    if (piece === null || piece.text === '') return kept
    // Another reader may have been faster: then this one goes on behind what that one kept.
    if (await keep(ctx, run, last, piece)) kept += 1
    if (kept >= most) return kept
  }
}

async function read(ctx: Needs, run: RunRef, from: string | null): Promise<LogPiece | null> {
  try {
    return await ctx.runtime.readLog(run.worker, from, Math.min(PIECE_BYTES, Math.ceil(ctx.config.LOG_BYTES_PER_RUN / 8)))
  } catch (error) {
    throw new ReadFailed(`the output of ${run.worker} could not be read`, { cause: error })
  }
}

async function keep(ctx: Needs, run: RunRef, last: LastPiece | null, piece: LogPiece): Promise<boolean> {
  // A worker writes what the agent makes it write: nothing that looks like a credential is kept. A NUL cannot be stored as text.
  const text = redactText(piece.text).replaceAll('\0', '')
  const lineStart = last?.line_end ?? 0
  const byteEnd = (last?.byte_end ?? 0) + Buffer.byteLength(text)
  const row = { runId: run.id, seq: (last?.seq ?? 0) + 1, at: ctx.clock.now(), position: piece.position, text, byteEnd, lineStart, lineEnd: lineStart + linesOf(text).length }
  const most = ctx.config.LOG_BYTES_PER_RUN
  return insertPiece(ctx.db.sql, row, byteEnd > most ? Math.floor(most / 2) : null)
}

const engineAnswers = (ctx: Needs): Promise<boolean> =>
  ctx.runtime.ping().then(
    () => true,
    () => false,
  )
