import type { World } from '../world/world.ts'

/** Raises the day's iterations, as a person would, each time when they are nearly used up; the limit is felt, and goes on. */
export async function raiseBudget(world: Pick<World, 'db' | 'clients' | 'limits'>, by: number): Promise<void> {
  const rows = await world.db.sql<{ used: number }[]>`select coalesce(max(iterations), 0)::integer used from budget_days`
  if ((rows[0]?.used ?? 0) < world.limits.dailyIterations - 1) return
  const wanted = world.limits.dailyIterations + by
  for (const client of world.clients) {
    const limits = await client.call('changeLimits', { body: { dailyIterations: wanted } }).catch(() => null)
    if (!limits) continue
    world.limits.dailyIterations = limits.dailyIterations.value
    return
  }
}
