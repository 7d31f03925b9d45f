import type { Context } from './context.ts'
import type { Tx } from './db/connect.ts'
import { EVENTS_CHANNEL } from './ports/event-bus.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake'>

/** One transaction; once it is committed, those who watch are told and the scheduler looks again. */
export async function transact<T>(ctx: Needs, body: (tx: Tx) => Promise<T>): Promise<T> {
  const result = await ctx.db.sql.begin((tx) => body(tx))
  void ctx.bus.publish(EVENTS_CHANNEL, {})
  ctx.wake()
  return result as T
}
