import type { Context } from '../context.ts'
import { loadDueEffects, type EffectRow } from './store.ts'

/** Effects whose time has come. */
export async function dueEffects(ctx: Pick<Context, 'db' | 'clock'>, limit: number): Promise<EffectRow[]> {
  return loadDueEffects(ctx.db.sql, ctx.clock.now(), limit)
}
