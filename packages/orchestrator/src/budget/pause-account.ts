import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { setPause } from './store.ts'

/** One pause for the whole account: no run that uses the model starts before `until`. */
export async function pauseAccount(tx: Tx, pause: { until: Date; reason: string; itemId: number; runId: number }): Promise<void> {
  if (await setPause(tx, pause.until, pause.reason)) {
    await recordEvent(tx, { type: 'account.paused', itemId: pause.itemId, runId: pause.runId, data: { until: pause.until.toISOString(), reason: pause.reason } })
  }
}
