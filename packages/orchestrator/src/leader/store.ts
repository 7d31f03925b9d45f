import type { Query, Tx } from '../db/connect.ts'

export type LeadRow = { leads: boolean; epoch: number; holder: string; expires_at: Date; seen_at: Date | null; now: Date }

/** Takes, keeps or watches the lead; `seen_at` is when any orchestrator looked before this. */
export async function callLead(q: Query, holder: string, seconds: number): Promise<LeadRow> {
  const rows = await q<LeadRow[]>`select * from take_lead(${holder}, ${seconds})`
  const row = rows[0]
  if (!row) throw new Error('take_lead() gave no row')
  return row
}

export async function callStopLeading(q: Query, holder: string, epoch: number): Promise<void> {
  await q`select stop_leading(${holder}, ${epoch})`
}

export async function callCheckLeader(tx: Tx, epoch: number): Promise<void> {
  await tx`select check_leader(${epoch})`
}
