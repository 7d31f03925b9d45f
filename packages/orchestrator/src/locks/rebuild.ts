import type { Context } from '../context.ts'
import { loadHeld } from './store.ts'

/**
 * Gives a table that lost its locks all of live runs again, from their mirror. null: it had lost nothing.
 *
 * The mirror's rows stay locked meanwhile, so that a lock which is given back at the same time is not restored
 * after it ({@link releaseLocks} takes the row before it asks the table). One that is being granted may be missing:
 * the mirror refuses it to others, and its run's next heartbeat brings it.
 * @throws Error when the table or the database does not answer; the next look tries again
 */
export async function rebuildLocks(ctx: Pick<Context, 'db' | 'locks' | 'clock' | 'log'>): Promise<number | null> {
  if (await ctx.locks.isWhole()) return null
  const restored = await ctx.db.sql.begin(async (tx) => {
    const held = await loadHeld(tx, ctx.clock.now())
    await ctx.locks.restore(held)
    return held.length
  })
  ctx.log.info({ locks: restored }, 'the lock table was empty; restored the locks of live runs')
  return restored
}

/** The same for the table that this process has to look after: its own, or as the leader the one that all share. */
export async function keepLocks(ctx: Pick<Context, 'db' | 'locks' | 'clock' | 'log' | 'leader'>): Promise<void> {
  if (ctx.locks.kind === 'memory' || ctx.leader.epoch() !== null) await rebuildLocks(ctx)
}
