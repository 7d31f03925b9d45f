import type { Context } from '../context.ts'
import type { Locker } from './acquire.ts'
import { releaseLocks } from './release.ts'
import { loadMirrored } from './store.ts'

/** Gives back all that a run holds; the lock table being away is no reason to stop (locks expire by themselves). */
export async function releaseRunLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'locks' | 'log'>, locker: Locker): Promise<void> {
  const paths = await loadMirrored(ctx.db.sql, locker.runId)
  if (paths.length === 0) return
  try {
    await releaseLocks(ctx, locker, paths)
  } catch (error) {
    ctx.log.warn({ err: error, runId: locker.runId }, 'locks were not given back; they end by themselves')
  }
}
