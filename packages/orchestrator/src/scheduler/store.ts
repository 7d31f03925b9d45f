import { json, type Query } from '../db/connect.ts'

export type Admission = { outcome: string; runId: number | null; itemId: number | null; until: Date | null }

export type AdmissionLimits = { maxWorkers: number; maxWorkersPerRepo: number; dailyIterations: number; cooldownSeconds: number; maxIterations: number; leaseSeconds: number; ageHours: number }

/**
 * One row for each run that was admitted, then, when fewer than `atMost` were, why no more (worker_slot,
 * cooldown, daily_budget, usage_limit, nothing, again). `epoch` null: not as a leader (tests, measurements).
 */
export async function callAdmit(q: Query, epoch: number | null, limits: AdmissionLimits, atMost: number): Promise<Admission[]> {
  const rows = await q<{ outcome: string; run_id: number | null; item_id: number | null; until: Date | null }[]>`
    select * from admit(${epoch}, ${json(q, limits)}, ${atMost})`
  return rows.map((row) => ({ outcome: row.outcome, runId: row.run_id, itemId: row.item_id, until: row.until }))
}
