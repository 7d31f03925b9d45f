import type { Context } from '../context.ts'
import type { Locker } from './acquire.ts'
import { releaseLocks } from './release.ts'
import { loadMirrored } from './store.ts'

/**
 * Gives back all that a run holds, in the table and in its mirror. Called by the cleaning up after every
 * ended run, which is tried again until it succeeds: a table that is away keeps no file closed for an hour.
 * @throws Error when the table or the database does not answer
 */
export async function releaseRunLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'locks'>, locker: Locker): Promise<void> {
  const paths = await loadMirrored(ctx.db.sql, locker.runId)
  if (paths.length > 0) await releaseLocks(ctx, locker, paths)
}
