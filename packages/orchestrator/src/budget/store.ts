import type { Tx } from '../db/connect.ts'

/** `day` is the UTC day, YYYY-MM-DD. */
export async function addToDay(tx: Tx, day: string, used: { iterations: number; costUsd: number }): Promise<void> {
  await tx`insert into budget_days (day, iterations, cost_usd) values (${day}, ${used.iterations}, ${used.costUsd})
    on conflict (day) do update set iterations = budget_days.iterations + excluded.iterations, cost_usd = budget_days.cost_usd + excluded.cost_usd`
}

/** Lengthens a pause, never shortens it. Returns false when a longer one stands already. */
export async function setPause(tx: Tx, until: Date, reason: string): Promise<boolean> {
  const rows = await tx`update factory_state set paused_until = ${until}, pause_reason = ${reason}
    where paused_until is null or paused_until < ${until} returning paused_until`
  return rows.length > 0
}
