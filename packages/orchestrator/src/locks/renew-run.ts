import { LOCK_TTL_SECONDS } from '@factory/shared'
import type { Context } from '../context.ts'
import type { Locker } from './acquire.ts'

/**
 * Renews all that a live run holds (`paths`: its locks in the mirror, which the heartbeat has renewed). Locks
 * that the table lost (it was restarted or flushed) are taken again.
 */
export async function renewRunLocks(ctx: Pick<Context, 'locks' | 'log'>, locker: Locker, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  try {
    const renewed = await ctx.locks.renew(locker.repo, paths, locker, LOCK_TTL_SECONDS)
    if (renewed < paths.length) await ctx.locks.acquire(locker.repo, paths, locker, LOCK_TTL_SECONDS)
  } catch (error) {
    ctx.log.warn({ err: error, runId: locker.runId }, 'locks were not renewed; the next heartbeat tries again')
  }
}
