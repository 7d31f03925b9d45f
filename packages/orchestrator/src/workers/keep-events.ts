import type { RalphEvent } from '@factory/shared'
import { judgeCanary } from '../budget/pause-account.ts'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { insertRunEvents } from './store.ts'
import type { RunRow } from './view.ts'

/**
 * Keeps what Ralph said. Events carry numbers, so a call that is repeated keeps nothing twice. An iteration
 * that the model carried to its end shows that the account's limit, if there was one, has ended.
 */
export async function keepEvents(tx: Tx, run: Pick<RunRow, 'id' | 'item_id' | 'account'>, events: readonly RalphEvent[], at: Date): Promise<void> {
  const fresh = await insertRunEvents(tx, run.id, events)
  for (const event of events) {
    if (event.event !== 'iteration.finished' || !fresh.has(event.seq)) continue
    await recordEvent(tx, {
      type: 'run.iteration',
      itemId: run.item_id,
      runId: run.id,
      data: { iteration: event.iteration, durationMs: event.durationMs, isError: event.isError, commit: event.commit, costUsd: event.usage.costUsd },
    })
    if (!event.isError) await judgeCanary(tx, { account: run.account, runId: run.id, itemId: run.item_id, answered: true, at })
  }
}
