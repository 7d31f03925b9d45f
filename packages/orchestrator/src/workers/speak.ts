import { FactoryError, isLiveRun, RunStatus } from '@factory/shared'
import type { Tx } from '../db/connect.ts'
import { lockItem } from '../work/lock.ts'
import type { ItemRow } from '../work/view.ts'
import type { RunRef } from './refs.ts'
import { lockRun } from './store.ts'
import type { RunRow } from './view.ts'

/**
 * Locks item and run (in this order, as everywhere) and checks that the run still speaks for its item.
 * @throws FactoryError `stale_token`: the caller must end itself and change nothing more
 */
export async function speakFor(tx: Tx, run: RunRef): Promise<{ item: ItemRow; run: RunRow }> {
  const item = await lockItem(tx, run.itemId)
  const row = await lockRun(tx, run.id)
  if (!item || !row) throw new FactoryError('not_found', `there is no worker ${run.id}`)
  if (row.token !== run.token || item.current_run_id !== row.id || !isLiveRun(RunStatus.parse(row.status))) {
    throw new FactoryError('stale_token', `run ${run.id} has ended (${row.status}); it no longer speaks for item ${item.id}`)
  }
  return { item, run: row }
}
