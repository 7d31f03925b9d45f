import { redactText } from '@factory/shared'
import type { Context } from '../context.ts'
import { releaseRunLocks } from '../locks/release-run.ts'
import { drainLog } from '../logs/pump.ts'
import { loadRun, setCleaned } from './store.ts'
import { quietly } from '../transact.ts'
import { settleRun } from './settle.ts'

/** What is kept of a worker's output once its container is gone. */
const TAIL_BYTES = 65_536
/** How long a worker may take to push its work once it is told to end. */
const GRACE_SECONDS = 10

/**
 * Ends a run from outside: the worker is stopped and seen dead first, and only then is its item given
 * to anybody else.
 */
export async function endRun(ctx: Context, end: { runId: number; worker: string; as: 'cancelled' | 'lost'; code: 'cancelled' | 'killed' | 'lease_expired' | 'worker_exited'; reason: string }): Promise<void> {
  await ctx.runtime.stop(end.worker, { graceSeconds: GRACE_SECONDS })
  const run = await loadRun(ctx.db.sql, end.runId)
  if (!run) return
  await drainLog(ctx, run)
  const logTail = await lastWords(ctx, end.worker)
  const settled = await settleRun(ctx, { id: run.id, itemId: run.item_id, token: null }, { status: end.as, outcome: { code: end.code, message: end.reason, until: null }, logTail, heardAt: run.heartbeat_at })
  if (settled.changed) ctx.log.info({ runId: end.runId, itemId: run.item_id, as: end.as, reason: end.reason }, 'run ended from outside')
}

/**
 * Removes what a worker left: on the engine, and locks that could not be given back when it ended. A
 * worker of an ended run that still runs is stopped first. Tried again by every tick until all is gone.
 */
export async function cleanWorker(ctx: Context, clean: { runId: number | null; worker: string; alive: boolean; reason: string }): Promise<void> {
  await ctx.runtime.stop(clean.worker, { graceSeconds: clean.alive ? GRACE_SECONDS : 0 })
  const run = clean.runId === null ? null : await loadRun(ctx.db.sql, clean.runId)
  if (run !== null) await drainLog(ctx, run)
  const logTail = run === null ? '' : await lastWords(ctx, clean.worker)
  await ctx.runtime.remove(clean.worker)
  if (run === null) {
    ctx.log.warn({ worker: clean.worker, reason: clean.reason }, 'removed a worker that belongs to no run')
    return
  }
  await releaseRunLocks(ctx, { repo: run.repo, runId: run.id, itemId: run.item_id }, { strays: true })
  await quietly(ctx, (tx) => setCleaned(tx, run.id, logTail, ctx.clock.now()))
}

/** A worker writes what the agent makes it write: nothing that looks like a credential is kept. */
async function lastWords(ctx: Context, worker: string): Promise<string> {
  // a NUL cannot be stored as text
  return redactText(await ctx.runtime.tail(worker, TAIL_BYTES).catch(() => '')).replaceAll('\0', '')
}
