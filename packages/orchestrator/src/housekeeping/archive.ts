import type { Context } from '../context.ts'
import type { Tx } from '../db/connect.ts'
import { quietly } from '../transact.ts'
import { keptSince } from './decide.ts'
import { callDeleteFolded, callDeleteSaid, callFoldRuns, loadOld, lockEnded, setArchived, type Ended, type Place } from './store.ts'

type Needs = Pick<Context, 'db' | 'clock' | 'config' | 'epoch'>

const ITEMS_AT_A_TIME = 100
/** Rows of one transaction: some milliseconds, so that nobody waits for it. */
const ROWS_AT_A_TIME = 1000

/**
 * Events, logs and runs of items that ended longer ago than RETENTION_DAYS go; the item stays with what people
 * see of it, so that its issue is not taken up again. Its events are replaced by one that rebuilds its row.
 * Every transaction leaves a state from which the next pass goes on.
 * @returns how many items were cleared away
 */
export async function archiveOld(ctx: Needs, until: Date): Promise<number> {
  const since = keptSince(ctx.config.RETENTION_DAYS, ctx.clock.now())
  if (since === null) return 0
  let archived = 0
  let place: Place | null = null
  for (;;) {
    // one that cannot go yet is passed over, and met again by the next pass
    const old: Place[] = await loadOld(ctx.db.sql, since, place, ITEMS_AT_A_TIME)
    for (const one of old) {
      if (ctx.clock.now() >= until) return archived
      if (await archiveItem(ctx, one.itemId, until)) archived++
    }
    const last = old.at(-1)
    if (!last || old.length < ITEMS_AT_A_TIME) return archived
    place = last
  }
}

async function archiveItem(ctx: Needs, id: number, until: Date): Promise<boolean> {
  const step = <T>(body: (tx: Tx, item: Ended) => Promise<T>): Promise<T | null> =>
    quietly(ctx, async (tx) => {
      const item = await lockEnded(tx, id)
      return item === null ? null : body(tx, item)
    })
  const inBatches = async (remove: (tx: Tx) => Promise<number>): Promise<boolean> => {
    for (;;) {
      const removed = await step(remove)
      if (removed === null || ctx.clock.now() >= until) return false
      if (removed < ROWS_AT_A_TIME) return true
    }
  }
  if (!(await inBatches((tx) => callDeleteSaid(tx, id, ROWS_AT_A_TIME)))) return false
  if (!(await step(callFoldRuns))) return false
  if (!(await inBatches((tx) => callDeleteFolded(tx, id, ROWS_AT_A_TIME)))) return false
  return (await step((tx) => setArchived(tx, id, ctx.clock.now()).then(() => true))) ?? false
}
