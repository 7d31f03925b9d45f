import { FactoryEvent } from '@factory/shared'
import type { Db } from '../db/connect.ts'
import { positionId, type Position } from './position.ts'
import { loadAfter, loadHead, loadItemEvents, type EventFilter, type EventRow } from './store.ts'

type Needs = { db: Db }

export type Page = {
  events: FactoryEvent[]
  /** Go on from here. */
  next: Position
  /** Nothing more was committed when this was read. */
  atHead: boolean
}

/** The next events behind a position, each once and none passed over. */
export async function readEvents(ctx: Needs, after: Position, filter: EventFilter = {}, limit = 500): Promise<Page> {
  const { rows, head } = await loadAfter(ctx.db.sql, after, filter, limit)
  const last = rows.at(-1)
  if (last && rows.length === limit) return { events: rows.map(eventView), next: { xid: last.xid, seq: last.seq }, atHead: false }
  // A position ahead of the head is from another database (a restored one): the reader goes on from here.
  return { events: rows.map(eventView), next: head, atHead: true }
}

/** Where a reader starts who wants only what comes from now on. */
export async function readHead(ctx: Needs): Promise<Position> {
  return loadHead(ctx.db.sql)
}

export async function itemEvents(ctx: Needs, itemId: number, limit: number): Promise<FactoryEvent[]> {
  return (await loadItemEvents(ctx.db.sql, itemId, limit)).map(eventView)
}

function eventView(row: EventRow): FactoryEvent {
  return FactoryEvent.parse({ id: positionId(row), at: row.at.toISOString(), type: row.type, itemId: row.item_id, runId: row.run_id, data: row.data })
}
