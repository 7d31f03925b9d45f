import type { Context } from '../context.ts'
import type { Sql, Tx } from '../db/connect.ts'

/**
 * The same world, seen from inside a transaction: what a verb writes is part of it, and its own transactions
 * are savepoints. For verbs that have to succeed or fail together.
 */
export function inTransaction(ctx: Context, tx: Tx): Context {
  const sql = new Proxy(tx, {
    get: (target, name) => (name === 'begin' ? (body: (inner: Tx) => Promise<unknown>) => target.savepoint(body) : Reflect.get(target, name)),
  })
  // A transaction lacks what opens and closes connections, which no verb calls.
  return { ...ctx, db: { ...ctx.db, sql: sql as unknown as Sql } }
}
