import { LOCK_TTL_SECONDS, type LockResponse } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { transact } from '../transact.ts'
import { mirrorLocks } from './store.ts'

export type Locker = { repo: string; runId: number; itemId: number }

/** Takes all paths for a run or none, and mirrors what was taken for admission to see. */
export async function acquireLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'locks' | 'clock'>, locker: Locker, paths: readonly string[]): Promise<LockResponse> {
  const unique = [...new Set(paths)].sort()
  const result = await ctx.locks.acquire(locker.repo, unique, locker, LOCK_TTL_SECONDS)
  const at = ctx.clock.now()
  await transact(ctx, async (tx) => {
    if (result.granted) {
      await mirrorLocks(tx, { repo: locker.repo, paths: unique, runId: locker.runId, expiresAt: new Date(at.getTime() + LOCK_TTL_SECONDS * 1000), at })
      await recordEvent(tx, { type: 'lock.acquired', itemId: locker.itemId, runId: locker.runId, data: { paths: unique } })
    } else {
      await recordEvent(tx, {
        type: 'lock.denied',
        itemId: locker.itemId,
        runId: locker.runId,
        data: { paths: unique, conflicts: result.conflicts.map(({ path, runId }) => ({ path, runId })) },
      })
    }
  })
  if (result.granted) return { granted: true, conflicts: [] }
  return {
    granted: false,
    conflicts: result.conflicts.map((held) => ({ path: held.path, runId: held.runId, itemId: held.itemId, since: held.since.toISOString(), until: held.until.toISOString() })),
  }
}
