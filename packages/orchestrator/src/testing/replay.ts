import type { Sql } from '../db/connect.ts'

/** Bookkeeping that is no fact of an item: intake's mark, the queue's parking, what follows from the priority. */
const APART = ['reported_revision', 'parked', 'blocked_by', 'priority_rank'] as const

type Row = Record<string, unknown>

/** An item's row as its events alone tell it: every patch laid over the one before. */
export async function replayItem(sql: Sql, itemId: number): Promise<Row> {
  const events = await sql<{ patch: Row | null }[]>`select patch from work_events where item_id = ${itemId} order by seq`
  return Object.assign({}, ...events.map((event) => event.patch ?? {})) as Row
}

/** The row as it stands, spelled as the events spell it. */
export async function storedItem(sql: Sql, itemId: number): Promise<Row> {
  const rows = await sql<{ row: Row }[]>`select to_jsonb(w) as row from work_items w where id = ${itemId}`
  const row = { ...rows[0]?.row }
  for (const name of APART) delete row[name]
  return row
}

/** Each item's moves as its events tell them, in order: the first is the state it was made in. */
export async function movesOf(sql: Sql, itemId: number): Promise<string[]> {
  const rows = await sql<{ status: string }[]>`select patch->>'status' as status from work_events where item_id = ${itemId} and patch ? 'status' order by seq`
  return rows.map((row) => row.status)
}
