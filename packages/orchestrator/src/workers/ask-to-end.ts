import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { lockRun, setCancel } from './store.ts'

/** Notes that a live run shall end. The next heartbeat tells it; the scheduler ends its worker. */
export async function askRunToEnd(tx: Tx, runId: number, ask: { code: 'cancelled' | 'killed'; reason: string }): Promise<void> {
  const run = await lockRun(tx, runId)
  if (run && (await setCancel(tx, runId, ask))) {
    await recordEvent(tx, { type: 'decision', itemId: run.item_id, runId, data: { decision: `end run (${ask.code})`, reason: ask.reason } })
  }
}
