import type { Context } from '../context.ts'
import { keptSince } from './decide.ts'
import { loadNeeded } from './store.ts'

/** Removes from the engine what no run needs: what interrupted starts left, and caches of repositories that are done with. */
export async function sweepRuntime(ctx: Pick<Context, 'db' | 'clock' | 'config' | 'runtime' | 'log'>): Promise<number> {
  const { workers, repos } = await loadNeeded(ctx.db.sql, keptSince(ctx.config.RETENTION_DAYS, ctx.clock.now()))
  const removed = await ctx.runtime.sweep({ workers, caches: repos.flatMap((repo) => [repo, `${repo}#clean-room`]) })
  if (removed.length > 0) ctx.log.info({ removed }, 'removed what no run needs')
  return removed.length
}
