import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { transact } from '../transact.ts'
import type { Locker } from './acquire.ts'
import { dropMirrored } from './store.ts'

/** Gives paths back. Returns how many the run held. */
export async function releaseLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'locks'>, locker: Locker, paths: readonly string[]): Promise<number> {
  const released = await ctx.locks.release(locker.repo, paths, locker)
  await transact(ctx, async (tx) => {
    await dropMirrored(tx, locker.runId, paths)
    if (released > 0) await recordEvent(tx, { type: 'lock.released', itemId: locker.itemId, runId: locker.runId, data: { paths: [...paths] } })
  })
  return released
}
