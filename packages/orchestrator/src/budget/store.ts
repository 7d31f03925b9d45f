import type { Query, Tx } from '../db/connect.ts'

/** Lengthens a pause, never shortens it; the database records it. false: a longer one stands already. */
export async function callPauseAccount(tx: Tx, pause: { account: string; until: Date; reason: string; itemId: number; runId: number }): Promise<boolean> {
  const rows = await tx<{ paused: boolean }[]>`select pause_account(${pause.account}, ${pause.until}, ${pause.reason}, ${pause.itemId}, ${pause.runId}) as paused`
  return rows[0]?.paused ?? false
}

/** What the run that tries an account showed. false: the run is not the one that tries it. */
export async function callJudgeCanary(tx: Tx, canary: { account: string; runId: number; itemId: number; answered: boolean; at: Date }): Promise<boolean> {
  const rows = await tx<{ judged: boolean }[]>`select judge_canary(${canary.account}, ${canary.runId}, ${canary.itemId}, ${canary.answered}, ${canary.at}) as judged`
  return rows[0]?.judged ?? false
}

export type LimitRow = { max_workers: number | null; max_workers_per_repo: number | null; daily_iterations: number | null; cooldown_seconds: number | null }

export async function loadLimits(q: Query): Promise<LimitRow> {
  const rows = await q<LimitRow[]>`select max_workers, max_workers_per_repo, daily_iterations, cooldown_seconds from factory_state`
  const row = rows[0]
  if (!row) throw new Error('factory_state has no row')
  return row
}

export async function setLimits(tx: Tx, limits: Partial<LimitRow>): Promise<void> {
  await tx`update factory_state set ${tx(limits)}`
}
