import { BACKUP_FORMAT, type BackupEnd, type BackupHead } from '@factory/shared'
import { createHash } from 'node:crypto'
import type { Context } from '../context.ts'
import { endSnapshot, loadMigrations, loadOrder, loadSequences, loadTables, openSnapshot, readRows } from './store.ts'

/** Rows in memory at a time. */
const ROWS_AT_A_TIME = 1000

/**
 * The lines of a backup, out of one snapshot of the store: whatever is committed while it is read is not in
 * it. Ending the iteration early ends the snapshot.
 */
export async function* dumpLines(ctx: Pick<Context, 'db' | 'clock'>, factory: string): AsyncGenerator<string> {
  const hash = createHash('sha256')
  const told = (text: string): string => {
    hash.update(text)
    return text
  }
  const rows: Record<string, number> = {}
  const snapshot = await openSnapshot(ctx.db.sql)
  try {
    const tables = await loadTables(snapshot)
    const byName = new Map(tables.map((table) => [table.name, table]))
    const order = await loadOrder(snapshot, tables)
    yield told(line({ format: BACKUP_FORMAT, factory, migrations: await loadMigrations(snapshot), at: ctx.clock.now().toISOString() } satisfies BackupHead))
    for (const name of order.tables) {
      const table = byName.get(name)
      if (!table) continue
      yield told(line({ table: name, columns: [...table.columns.keys()] }))
      rows[name] = 0
      for await (const some of readRows(snapshot, table, ROWS_AT_A_TIME)) {
        rows[name] += some.length
        if (some.length > 0) yield told(`${some.map((row) => row.line).join('\n')}\n`)
      }
    }
    // Sequences stand outside the snapshot: they can only be ahead of its rows.
    yield told(line({ sequences: await loadSequences(snapshot) }))
  } finally {
    await endSnapshot(snapshot)
  }
  yield line({ end: { rows, sha256: hash.digest('hex') } } satisfies BackupEnd)
}

function line(data: unknown): string {
  return `${JSON.stringify(data)}\n`
}
