import type { Context } from '../context.ts'
import type { Locker } from './acquire.ts'
import { releaseLocks } from './release.ts'
import { loadMirrored } from './store.ts'

/**
 * Gives back all that a run holds, in the table and in its mirror. Called by the cleaning up after every
 * ended run, which is tried again until it succeeds: a table that is away keeps no file closed for an hour.
 * `strays`: also what the table has of it and the mirror has not (this process died between the two).
 * @throws Error when the table or the database does not answer
 */
export async function releaseRunLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'locks'>, locker: Locker, options: { strays?: boolean } = {}): Promise<void> {
  const mirrored = await loadMirrored(ctx.db.sql, locker.runId)
  const strays = options.strays ? (await ctx.locks.list(locker.repo)).filter((lock) => lock.runId === locker.runId).map((lock) => lock.path) : []
  const paths = [...new Set([...mirrored, ...strays])]
  if (paths.length > 0) await releaseLocks(ctx, locker, paths)
}
