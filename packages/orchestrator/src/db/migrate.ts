import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql, Tx } from './connect.ts'

export type Migration = { version: number; name: string; text: string; checksum: string }
type Applied = { version: number; name: string; checksum: string }

/** Where the numbered files of this repository are. */
export const MIGRATIONS_DIR = join(import.meta.dir, '../../../../migrations')

/** The database and the code do not fit together; the message says how and what to do. */
export class MigrationError extends Error {
  override name = 'MigrationError'
}

/** `001_initial.sql` … in order, numbered 1, 2, 3 without a gap. */
export function readMigrations(directory: string = MIGRATIONS_DIR): Migration[] {
  const files = readdirSync(directory).filter((name) => /^\d{3}_[a-z0-9_]+\.sql$/.test(name)).sort()
  return files.map((name, index) => {
    const version = Number(name.slice(0, 3))
    if (version !== index + 1) throw new MigrationError(`${name}: the migration after ${index} must be number ${index + 1}`)
    const text = readFileSync(join(directory, name), 'utf8')
    return { version, name, text, checksum: createHash('sha256').update(text).digest('hex') }
  })
}

/** Which migrations are still to be run, or why none may be. */
function pendingMigrations(known: readonly Migration[], applied: readonly Applied[]): Migration[] {
  for (const row of applied) {
    const file = known.find((migration) => migration.version === row.version)
    if (!file) throw new MigrationError(`The database has migration ${row.name}, which this version of the factory does not know: it was used by a newer one. Run that version, or restore a backup from before it.`)
    if (file.checksum !== row.checksum) throw new MigrationError(`${file.name} was changed after this database applied it. Put it back as it was and write the change as a new file.`)
  }
  const last = Math.max(0, ...applied.map((row) => row.version))
  return known.filter((migration) => migration.version > last)
}

/** Runs a migration's file. Whoever calls keeps the list of those that were applied. */
export async function applyMigration(tx: Tx, migration: Migration): Promise<void> {
  await tx.unsafe(migration.text)
}

/** A number of ours for the advisory lock that makes migrators queue up. */
const LOCK = 7_236_101

/**
 * Brings the database to this code's version, each file in one transaction of its own. Any number of
 * processes may start it at once: one works, the others wait and find nothing left to do.
 * @returns the names of the files that this call applied.
 * @throws MigrationError
 */
export async function migrate(sql: Sql, directory: string = MIGRATIONS_DIR): Promise<string[]> {
  const known = readMigrations(directory)
  const done: string[] = []
  for (;;) {
    const name = await sql.begin(async (tx) => {
      await tx`set local statement_timeout = 0`
      // The transaction holds it, not the session, so a dead migrator leaves none. The embedded store has
      // a single owner and does not need it.
      await tx`select pg_advisory_xact_lock(${LOCK})`
      await tx`create table if not exists schema_migrations (
        version integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`
      const applied = await tx<Applied[]>`select version, name, checksum from schema_migrations order by version`
      const next = pendingMigrations(known, applied)[0]
      if (!next) return null
      await applyMigration(tx, next)
      await tx`insert into schema_migrations (version, name, checksum) values (${next.version}, ${next.name}, ${next.checksum})`
      return next.name
    })
    if (name === null) return done
    done.push(name)
  }
}
