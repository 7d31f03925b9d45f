import type { Tx } from '../db/connect.ts'
import { callCheckLeader } from './store.ts'

/** @throws the database's FX003 when another orchestrator leads; see db/refusal.ts */
export async function checkLeader(tx: Tx, epoch: number): Promise<void> {
  await callCheckLeader(tx, epoch)
}
