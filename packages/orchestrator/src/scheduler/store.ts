import type { Query } from '../db/connect.ts'

export type Admission = { outcome: string; runId: number | null; itemId: number | null; until: Date | null }

/** The database's one answer: a run, or why none (worker_slot, cooldown, daily_budget, usage_limit, nothing, again). */
export async function callAdmit(
  q: Query,
  limits: { maxWorkers: number; dailyIterations: number; cooldownSeconds: number; maxIterations: number; leaseSeconds: number },
): Promise<Admission> {
  const rows = await q<{ outcome: string; run_id: number | null; item_id: number | null; until: Date | null }[]>`
    select * from admit(${limits.maxWorkers}, ${limits.dailyIterations}, ${limits.cooldownSeconds}, ${limits.maxIterations}, ${limits.leaseSeconds})`
  const row = rows[0]
  if (!row) throw new Error('admit() gave no row')
  return { outcome: row.outcome, runId: row.run_id, itemId: row.item_id, until: row.until }
}
