import { LOCK_TTL_SECONDS } from '@factory/shared'
import type { Context } from '../context.ts'
import type { Locker } from './acquire.ts'
import { extendMirrored, loadMirrored } from './store.ts'

/**
 * Renews all that a live run holds. Locks that the table lost (it was restarted or flushed) are taken
 * again from the mirror.
 */
export async function renewRunLocks(ctx: Pick<Context, 'db' | 'locks' | 'log' | 'clock'>, locker: Locker): Promise<void> {
  const paths = await loadMirrored(ctx.db.sql, locker.runId)
  if (paths.length === 0) return
  try {
    const renewed = await ctx.locks.renew(locker.repo, paths, locker, LOCK_TTL_SECONDS)
    if (renewed < paths.length) await ctx.locks.acquire(locker.repo, paths, locker, LOCK_TTL_SECONDS)
    await extendMirrored(ctx.db.sql, locker.runId, new Date(ctx.clock.now().getTime() + LOCK_TTL_SECONDS * 1000))
  } catch (error) {
    ctx.log.warn({ err: error, runId: locker.runId }, 'locks were not renewed; the next heartbeat tries again')
  }
}
