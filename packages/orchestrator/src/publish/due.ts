import type { Context } from '../context.ts'
import { loadDueEffects, type EffectRow } from './store.ts'

export type { EffectRow }

/** Effects whose time has come. */
export async function dueEffects(ctx: Pick<Context, 'db' | 'clock'>, limit: number): Promise<EffectRow[]> {
  return loadDueEffects(ctx.db.sql, ctx.clock.now(), limit)
}
