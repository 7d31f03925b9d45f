import type { Tx } from '../db/connect.ts'
import { callJudgeCanary, callPauseAccount } from './store.ts'

/** One pause for the whole account: no run that uses the model starts before `until`, and then one alone, which tries. */
export async function pauseAccount(tx: Tx, pause: { account: string; until: Date; reason: string; itemId: number; runId: number }): Promise<void> {
  await callPauseAccount(tx, pause)
}

/**
 * A run has shown whether the model answers. If it is the one that tries a paused account, the account opens,
 * or, where the run ended without having found out, the next run tries.
 */
export async function judgeCanary(tx: Tx, canary: { account: string; runId: number; itemId: number; answered: boolean; at: Date }): Promise<void> {
  await callJudgeCanary(tx, canary)
}
