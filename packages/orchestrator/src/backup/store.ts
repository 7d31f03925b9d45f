import { z } from 'zod'
import type { Connection, Query, Sql, Tx } from '../db/connect.ts'
import { orderTables, type Order, type Reference } from './order.ts'

export type Table = {
  name: string
  /** Columns that a backup holds, by name, with their SQL type. */
  columns: Map<string, string>
  key: string[]
}

/** Not restored but made anew, so not saved either: whoever has a backup has no worker's token. */
const SECRET_COLUMNS = ['factory_state.run_key']

/**
 * Every table of ours but the list of migrations. Generated columns make themselves; transaction ids mean
 * nothing in another database, where their default gives restored rows that of the restore.
 */
export async function loadTables(q: Query): Promise<Table[]> {
  const rows = await q<{ name: string; column: string; type: string; key: boolean }[]>`
    select c.relname as name, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
      coalesce(a.attnum = any(i.indkey), false) as key
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations'
      and a.attgenerated = '' and a.atttypid <> 'xid8'::regtype
      and c.relname || '.' || a.attname <> all(${SECRET_COLUMNS})
    order by c.relname, a.attnum`
  const tables = new Map<string, Table>()
  for (const row of rows) {
    const table: Table = tables.get(row.name) ?? { name: row.name, columns: new Map(), key: [] }
    table.columns.set(row.column, row.type)
    if (row.key) table.key.push(row.column)
    tables.set(row.name, table)
  }
  return [...tables.values()]
}

export async function loadOrder(q: Query, tables: readonly Table[]): Promise<Order> {
  const references = await q<Reference[]>`
    select k.conrelid::regclass::text as table, k.confrelid::regclass::text as target, k.conname as name,
      bool_and(not a.attnotnull) as nullable
    from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any(k.conkey)
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace
    group by k.oid, 1, 2, 3 order by 1, 3`
  return orderTables(tables.map((table) => table.name), references)
}

export async function loadMigrations(q: Query): Promise<{ version: number; name: string; checksum: string }[]> {
  return q<{ version: number; name: string; checksum: string }[]>`select version, name, checksum from schema_migrations order by version`
}

/** A connection with a read-only snapshot open on it. The caller ends it with {@link endSnapshot}. */
export async function openSnapshot(sql: Sql): Promise<Connection> {
  const connection = await sql.reserve()
  try {
    await connection`begin isolation level repeatable read, read only`
    // it lasts as long as its reader reads; one that stopped reading is given up after ten minutes
    await connection`set local statement_timeout = 0`
    await connection`set local idle_in_transaction_session_timeout = '10min'`
    return connection
  } catch (error) {
    connection.release()
    throw error
  }
}

export async function endSnapshot(connection: Connection): Promise<void> {
  try {
    await connection`rollback`
  } finally {
    connection.release()
  }
}

/** A table's rows as lines of JSON, in the order of its key, some at a time. */
export function readRows(connection: Connection, table: Table, atATime: number): AsyncIterable<{ line: string }[]> {
  const columns = [...table.columns.keys()].map((column) => `${quote(column)}::text`)
  const order = table.key.length > 0 ? ` order by ${table.key.map(quote).join(', ')}` : ''
  return connection.unsafe<{ line: string }[]>(`select to_json(array[${columns.join(', ')}])::text as line from ${quote(table.name)}${order}`).cursor(atATime)
}

/** The last number of each sequence, those behind identity columns included; 0 for one that gave none. */
export async function loadSequences(q: Query): Promise<Record<string, number>> {
  const names = await q<{ name: string }[]>`select c.relname as name from pg_class c where c.relkind = 'S' and c.relnamespace = 'public'::regnamespace order by 1`
  const numbers: Record<string, number> = {}
  for (const { name } of names) {
    const rows = await q.unsafe<{ last: number }[]>(`select case when is_called then last_value else 0 end as last from ${quote(name)}`)
    numbers[name] = rows[0]?.last ?? 0
  }
  return numbers
}

/** Nobody else writes until this transaction ends; reading goes on. @throws when they do not stop within five seconds */
export async function lockTables(tx: Tx, tables: readonly string[]): Promise<void> {
  await tx`set local statement_timeout = 0`
  await tx`set local lock_timeout = '5s'`
  await tx.unsafe(`lock table ${tables.map(quote).join(', ')} in exclusive mode`)
  await tx`set local lock_timeout = 0`
}

export async function hasItems(q: Query): Promise<boolean> {
  return (await q`select 1 from work_items limit 1`).length > 0
}

/**
 * Makes the tables ready for rows as they are: empty, without triggers that add to them, and with circular
 * references checked at the end.
 */
export async function prepareTables(tx: Tx, order: Order): Promise<void> {
  for (const table of order.tables) await tx.unsafe(`alter table ${quote(table)} disable trigger user`)
  for (const table of order.tables.toReversed()) await tx.unsafe(`delete from ${quote(table)}`)
  for (const late of order.late) await tx.unsafe(`alter table ${quote(late.table)} alter constraint ${quote(late.name)} deferrable initially deferred`)
}

/** The end of {@link prepareTables}. @throws when a reference points to nothing */
export async function finishTables(tx: Tx, order: Order): Promise<void> {
  await tx`set constraints all immediate`
  for (const late of order.late) await tx.unsafe(`alter table ${quote(late.table)} alter constraint ${quote(late.name)} not deferrable`)
  for (const table of order.tables) await tx.unsafe(`alter table ${quote(table)} enable trigger user`)
}

/** @param rows JSON of an array of rows, each an array with the text of these columns. */
export async function insertRows(tx: Tx, table: Table, columns: readonly string[], rows: string): Promise<void> {
  const values = columns.map((column, index) => `(r.value->>${index})::${table.columns.get(column) ?? 'text'}`)
  await tx.unsafe(
    `insert into ${quote(table.name)} (${columns.map(quote).join(', ')}) overriding system value
     select ${values.join(', ')} from json_array_elements($1::text::json) r`,
    [rows],
  )
}

const Owned = z.object({ table: z.string(), column: z.string() })

/** Sets every sequence behind the rows and behind what it had given before; `ahead` leaves a gap as well. */
export async function setSequences(tx: Tx, last: Record<string, number>, ahead: Record<string, number>): Promise<void> {
  const sequences = await tx<{ name: string; owner: unknown }[]>`
    select s.relname as name, case when d.refobjid is null then null else json_build_object('table', t.relname, 'column', a.attname) end as owner
    from pg_class s
    left join pg_depend d on d.objid = s.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0
    left join pg_class t on t.oid = d.refobjid
    left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where s.relkind = 'S' and s.relnamespace = 'public'::regnamespace`
  for (const { name, owner } of sequences) {
    const column = owner === null ? null : Owned.parse(owner)
    const highest = column === null ? '0' : `coalesce((select max(${quote(column.column)}) from ${quote(column.table)}), 0)`
    // what is left out of the file counts as well: numbers of this database are never given again
    await tx.unsafe(
      `select setval('${quote(name)}'::regclass, greatest(1, at.number), at.number > 0) from (
         select greatest($1::bigint, ${highest}, (select case when is_called then last_value else 0 end from ${quote(name)})) + $2::bigint as number) at`,
      [last[name] ?? 0, ahead[name] ?? 0],
    )
  }
}

/** Removes all that the migrations made but the list of them. For making an older schema in its place. */
export async function dropAll(tx: Tx): Promise<void> {
  const things = await tx<{ drop: string }[]>`
    select format('drop table if exists %I cascade', c.relname) as drop from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations'
    union all
    select format('drop sequence if exists %I cascade', c.relname) from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'
    union all
    select format('drop routine if exists %s cascade', p.oid::regprocedure) from pg_proc p
      where p.pronamespace = 'public'::regnamespace and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')`
  for (const thing of things) await tx.unsafe(thing.drop)
}

export async function liveRuns(q: Query): Promise<{ id: number; itemId: number }[]> {
  return q<{ id: number; itemId: number }[]>`select id, item_id as "itemId" from runs where status in ('starting', 'running') order by id`
}

export async function loadEpoch(q: Query): Promise<number> {
  const rows = await q<{ epoch: number }[]>`select epoch from leader`
  return rows[0]?.epoch ?? 0
}

/** Nobody leads any more, neither who led when the backup was made nor who led until now (under `epoch`). */
export async function endLead(tx: Tx, epoch: number): Promise<void> {
  await tx`update leader set holder = null, epoch = greatest(epoch, ${epoch}) + 1, expires_at = '-infinity', seen_at = null`
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
