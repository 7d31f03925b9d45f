import type { Context } from './context.ts'
import type { Tx } from './db/connect.ts'
import { refusal } from './db/refusal.ts'
import { checkLeader } from './leader/check.ts'
import { EVENTS_CHANNEL } from './ports/event-bus.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'epoch'>

/**
 * One transaction; once it is committed, those who watch are told and the scheduler looks again. A leader's
 * work (`ctx.epoch`) is refused where another orchestrator leads by now.
 */
export async function transact<T>(ctx: Needs, body: (tx: Tx) => Promise<T>): Promise<T> {
  const result = await quietly(ctx, body)
  void ctx.bus.publish(EVENTS_CHANNEL, {})
  ctx.wake()
  return result
}

/** Like {@link transact} for what nobody waits for: nobody is told. */
export async function quietly<T>(ctx: Pick<Context, 'db' | 'epoch'>, body: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    const result = await ctx.db.sql.begin(async (tx) => {
      if (ctx.epoch !== null) await checkLeader(tx, ctx.epoch)
      return body(tx)
    })
    return result as T
  } catch (error) {
    throw refusal(error)
  }
}
