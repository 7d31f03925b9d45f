import type { Query } from '../db/connect.ts'
import type { Position } from './position.ts'

export type EventRow = { xid: string; seq: number; at: Date; type: string; item_id: number | null; run_id: number | null; data: unknown }

export type EventFilter = { itemId?: number | undefined; types?: readonly string[] | undefined }

/**
 * What follows a position, oldest first, and the position to go on from.
 *
 * Transactions commit in another order than they take their numbers, so a reader by `seq` passes over
 * what commits late. Here events count as readable only below the oldest transaction that is still open
 * (`xmin`): everything below it has ended, nothing can come in there any more, and (xid, seq) is the
 * same order for every reader.
 */
export async function loadAfter(q: Query, after: Position, filter: EventFilter, limit: number): Promise<{ rows: EventRow[]; head: Position }> {
  const rows = await q<(EventRow & { head: string })[]>`
    select head.xmin::text as head, e.xid::text, e.seq, e.at, e.type, e.item_id, e.run_id, e.data
    from (select pg_snapshot_xmin(pg_current_snapshot()) as xmin) head
    left join lateral (
      select * from work_events w
      where (w.xid, w.seq) > (${after.xid}::xid8, ${after.seq}::bigint) and w.xid < head.xmin
        ${filter.itemId === undefined ? q`` : q`and w.item_id = ${filter.itemId}`}
        ${filter.types === undefined ? q`` : q`and w.type = any(${[...filter.types]})`}
      order by w.xid, w.seq limit ${limit}
    ) e on true
    order by e.xid, e.seq`
  const head = rows[0]?.head
  if (head === undefined) throw new Error('the store did not say where the stream of events ends')
  return { rows: rows.filter((row) => row.xid !== null), head: { xid: head, seq: 0 } }
}

/** The position behind which everything is that is not committed yet. */
export async function loadHead(q: Query): Promise<Position> {
  const rows = await q<{ xmin: string }[]>`select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`
  const xmin = rows[0]?.xmin
  if (xmin === undefined) throw new Error('the store did not say where the stream of events ends')
  return { xid: xmin, seq: 0 }
}

/** The newest events of one item, oldest first. */
export async function loadItemEvents(q: Query, itemId: number, limit: number): Promise<EventRow[]> {
  const rows = await q<EventRow[]>`
    select xid::text, seq, at, type, item_id, run_id, data from work_events where item_id = ${itemId} order by seq desc limit ${limit}`
  return [...rows].reverse()
}
