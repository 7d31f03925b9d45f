import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { transact } from '../transact.ts'
import type { Locker } from './acquire.ts'
import { dropMirrored, holdItem, noteReleased } from './store.ts'

/**
 * Gives paths back; returns how many the run held. The mirror's rows are taken first and let go last: a rebuild of
 * the table waits, and a failure in between leaves the mirror as it was, for another try.
 */
export async function releaseLocks(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'locks'>, locker: Locker, paths: readonly string[]): Promise<number> {
  return transact(ctx, async (tx) => {
    await holdItem(tx, locker.runId)
    const mirrored = await dropMirrored(tx, locker.runId, paths)
    const released = Math.max(mirrored, await ctx.locks.release(locker.repo, paths, locker))
    // last: admission reads these rows, and must not wait for a table that hangs
    await noteReleased(tx, locker.runId)
    if (released > 0) await recordEvent(tx, { type: 'lock.released', itemId: locker.itemId, runId: locker.runId, data: { paths: [...paths] } })
    return released
  })
}
