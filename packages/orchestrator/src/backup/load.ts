import { FactoryError } from '@factory/shared'
import type { Readable } from 'node:stream'
import type { Tx } from '../db/connect.ts'
import { readBackup } from './lines.ts'
import { finishTables, insertRows, loadOrder, loadTables, prepareTables, setSequences } from './store.ts'

/** What goes to the database in one statement: whichever is reached first. */
const ROWS_AT_A_TIME = 1000
const CHARACTERS_AT_A_TIME = 4_000_000

/**
 * Tokens given after the backup was made may be out in the world, in refs and in the names of workers; the
 * next ones are far ahead of them.
 */
const TOKENS_AHEAD = 1_000_000

/**
 * Puts the rows of a backup in the place of all rows, and the sequences behind them. The database must have
 * the schema that the backup was made with, and its tables be locked.
 */
export async function loadRows(tx: Tx, packed: Readable): Promise<Record<string, number>> {
  const tables = await loadTables(tx)
  const byName = new Map(tables.map((table) => [table.name, table]))
  const order = await loadOrder(tx, tables)
  await prepareTables(tx, order)

  let target: { table: (typeof tables)[number]; columns: readonly string[] } | null = null
  let rows: string[] = []
  let characters = 0
  const flush = async () => {
    if (target && rows.length > 0) await insertRows(tx, target.table, target.columns, `[${rows.join(',')}]`)
    rows = []
    characters = 0
  }
  let counted: Record<string, number> = {}
  for await (const part of readBackup(packed)) {
    switch (part.is) {
      case 'head':
        break
      case 'table': {
        await flush()
        const table = byName.get(part.table.table)
        const strange = table ? part.table.columns.filter((column) => !table.columns.has(column)) : []
        if (!table || strange.length > 0) throw new FactoryError('unprocessable', `the backup has ${table ? `columns of ${table.name}` : 'a table'} that this factory does not know: ${table ? strange.join(', ') : part.table.table}`)
        target = { table, columns: part.table.columns }
        break
      }
      case 'row':
        rows.push(part.line)
        characters += part.line.length
        if (rows.length >= ROWS_AT_A_TIME || characters >= CHARACTERS_AT_A_TIME) await flush()
        break
      case 'sequences':
        await flush()
        await setSequences(tx, part.sequences, { fencing_token: TOKENS_AHEAD })
        break
      case 'end':
        counted = part.rows
        break
      default:
        part satisfies never
    }
  }
  await finishTables(tx, order)
  return counted
}
