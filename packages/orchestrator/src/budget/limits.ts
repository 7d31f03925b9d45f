import type { ChangeLimits, Limits } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { transact } from '../transact.ts'
import { loadLimits, setLimits, type LimitRow } from './store.ts'

type Needs = Pick<Context, 'db' | 'config'>

/** The limits in force: what people set while the factory runs wins over the configuration. */
export async function readLimits(ctx: Needs): Promise<Limits> {
  const set = await loadLimits(ctx.db.sql)
  const { config } = ctx
  const limit = (value: number | null, configured: number) => ({ value: value ?? configured, configured, set: value !== null })
  return {
    maxWorkers: limit(set.max_workers, config.MAX_WORKERS),
    maxWorkersPerRepo: limit(set.max_workers_per_repo, config.MAX_WORKERS_PER_REPO),
    dailyIterations: limit(set.daily_iterations, config.DAILY_BUDGET),
    cooldownSeconds: limit(set.cooldown_seconds, config.COOLDOWN_SECONDS),
  }
}

/** Sets limits at once, for every orchestrator; null goes back to the configuration. What is not named stays. */
export async function changeLimits(ctx: Needs & Pick<Context, 'bus' | 'wake' | 'epoch'>, change: ChangeLimits): Promise<Limits> {
  const row: Partial<LimitRow> = {}
  if (change.maxWorkers !== undefined) row.max_workers = change.maxWorkers
  if (change.maxWorkersPerRepo !== undefined) row.max_workers_per_repo = change.maxWorkersPerRepo
  if (change.dailyIterations !== undefined) row.daily_iterations = change.dailyIterations
  if (change.cooldownSeconds !== undefined) row.cooldown_seconds = change.cooldownSeconds
  if (Object.keys(row).length > 0) {
    await transact(ctx, async (tx) => {
      await setLimits(tx, row)
      await recordEvent(tx, { type: 'limits.changed', itemId: null, runId: null, data: change })
    })
  }
  return readLimits(ctx)
}
