import { FactoryError, LOCK_TTL_SECONDS, type LockResponse } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import type { AcquireResult, HeldLock } from '../ports/lock-table.ts'
import { transact } from '../transact.ts'
import { isLive, loadMirrored, loadOthers, mirrorLocks } from './store.ts'

export type Locker = { repo: string; runId: number; itemId: number }
/** `granted` null: the run has ended. `before`: what it held already. */
type Taken = { granted: boolean | null; conflicts: HeldLock[]; before: string[] }
type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'locks' | 'clock' | 'log'>

/**
 * Takes all paths for a run or none. The table answers first; its mirror in the database has the last word,
 * whichever way: a table that was flushed, or that another orchestrator has in its own memory, gives no file
 * twice, and one that still has what a run left behind keeps no file closed.
 *
 * `withoutTable`: a table that does not answer is passed over. The mirror's word is enough; the table hears of
 * these locks from the run's heartbeats once it is back.
 * @throws FactoryError `unavailable` when the table does not answer, `stale_token` when the run has ended since it
 * asked: nobody would give its locks back
 */
export async function acquireLocks(ctx: Needs, locker: Locker, paths: readonly string[], options: { withoutTable?: boolean } = {}): Promise<LockResponse> {
  const unique = [...new Set(paths)].sort()
  const taken: AcquireResult = await ctx.locks.acquire(locker.repo, unique, locker, LOCK_TTL_SECONDS).catch((error: unknown) => {
    if (!options.withoutTable) throw error
    ctx.log.warn({ err: error, runId: locker.runId }, 'the lock table does not answer; the database alone grants these locks')
    return { granted: true }
  })
  const at = ctx.clock.now()
  const expiresAt = new Date(at.getTime() + LOCK_TTL_SECONDS * 1000)
  const { granted, conflicts, before } = await transact(ctx, async (tx): Promise<Taken> => {
    if (!(await isLive(tx, locker.runId))) return { granted: null, conflicts: [], before: [] }
    const before = await loadMirrored(tx, locker.runId)
    const granted = (await mirrorLocks(tx, { repo: locker.repo, paths: unique, runId: locker.runId, expiresAt, at })) === unique.length
    const conflicts = granted ? [] : await loadOthers(tx, locker, unique)
    if (granted) await recordEvent(tx, { type: 'lock.acquired', itemId: locker.itemId, runId: locker.runId, data: { paths: unique } })
    else await recordEvent(tx, { type: 'lock.denied', itemId: locker.itemId, runId: locker.runId, data: { paths: unique, conflicts: conflicts.map(({ path, runId }) => ({ path, runId })) } })
    return { granted, conflicts, before }
  })
  if (granted) return { granted: true, conflicts: [] }
  if (taken.granted) await giveBack(ctx, locker, unique.filter((path) => !before.includes(path)))
  if (granted === null) throw new FactoryError('stale_token', `run ${locker.runId} has ended; it holds nothing any more`)
  return { granted: false, conflicts: conflicts.map(view) }
}

/** What the table gave and the mirror did not. Not given back, it would end by itself. */
async function giveBack(ctx: Needs, locker: Locker, paths: readonly string[]): Promise<void> {
  await ctx.locks.release(locker.repo, paths, locker).catch((error: unknown) => ctx.log.warn({ err: error, runId: locker.runId }, 'locks that were not granted could not be given back; they end by themselves'))
}

const view = (held: HeldLock) => ({ path: held.path, runId: held.runId, itemId: held.itemId, since: held.since.toISOString(), until: held.until.toISOString() })
