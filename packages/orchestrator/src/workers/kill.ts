import { FactoryError, isLiveRun, RunStatus, type Run } from '@factory/shared'
import type { Context } from '../context.ts'
import { transact } from '../transact.ts'
import { lockItem } from '../work/lock.ts'
import { askRunToEnd } from './ask-to-end.ts'
import { getRun } from './read.ts'

/** Ends one run; its item goes back to where it waited, and the attempt does not count. */
export async function killWorker(ctx: Pick<Context, 'db' | 'bus' | 'wake' | 'epoch'>, id: number, reason: string): Promise<Run> {
  const run = await getRun(ctx, id)
  if (!isLiveRun(RunStatus.parse(run.status))) throw new FactoryError('conflict', `worker ${id} has ended (${run.status})`)
  await transact(ctx, async (tx) => {
    // the item first, as everywhere
    await lockItem(tx, run.itemId)
    await askRunToEnd(tx, id, { code: 'killed', reason })
  })
  return getRun(ctx, id)
}
