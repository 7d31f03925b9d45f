import type { RalphEvent, Usage } from '@factory/shared'
import { bookDay } from '../budget/book.ts'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { insertRunEvents, setUsage } from './store.ts'
import { usageOf, type RunRow } from './view.ts'

/**
 * Books what a run has used and said since it last spoke. Usage comes as totals and events carry
 * numbers, so a call that is repeated books nothing twice.
 */
export async function bookUsage(tx: Tx, run: RunRow, report: { usage?: Usage | undefined; events: readonly RalphEvent[] }, at: Date): Promise<void> {
  if (report.usage) {
    const before = usageOf(run.usage)
    const used = { iterations: Math.max(0, report.usage.iterations - before.iterations), costUsd: Math.max(0, report.usage.costUsd - before.costUsd) }
    await setUsage(tx, run.id, report.usage)
    if (used.iterations > 0 || used.costUsd > 0) await bookDay(tx, used, at)
  }
  const fresh = await insertRunEvents(tx, run.id, report.events)
  for (const event of report.events) {
    if (event.event === 'iteration.finished' && fresh.has(event.seq)) {
      await recordEvent(tx, {
        type: 'run.iteration',
        itemId: run.item_id,
        runId: run.id,
        data: { iteration: event.iteration, durationMs: event.durationMs, isError: event.isError, commit: event.commit, costUsd: event.usage.costUsd },
      })
    }
  }
}
