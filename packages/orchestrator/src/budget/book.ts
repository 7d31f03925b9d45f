import type { Tx } from '../db/connect.ts'
import { addToDay } from './store.ts'

/** Books iterations and money on the UTC day of `at`. */
export async function bookDay(tx: Tx, used: { iterations: number; costUsd: number }, at: Date): Promise<void> {
  await addToDay(tx, at.toISOString().slice(0, 10), used)
}
