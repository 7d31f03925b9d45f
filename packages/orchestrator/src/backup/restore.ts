import { FactoryError, type BackupHead, type RestoreReport } from '@factory/shared'
import type { Readable } from 'node:stream'
import type { Context } from '../context.ts'
import type { Tx } from '../db/connect.ts'
import { applyMigration, readMigrations, type Migration } from '../db/migrate.ts'
import { recordEvent } from '../events/record.ts'
import { EVENTS_CHANNEL } from '../ports/event-bus.ts'
import { settleRun } from '../workers/settle.ts'
import { migrationsToDo } from './fits.ts'
import { inTransaction } from './in-transaction.ts'
import { readBackup } from './lines.ts'
import { loadRows } from './load.ts'
import { dropAll, endLead, hasItems, loadEpoch, liveRuns, loadTables, lockTables } from './store.ts'
import { spool } from './spool.ts'

const MESSAGE = 'restored from a backup'

/**
 * Puts a backup in the place of an empty factory's store, all of it or nothing. Runs that were live when it
 * was made are lost, whatever became of their workers since, and their items wait again; the worker of such
 * a run has no say here any more, because the key of all run tokens is a new one, and whoever leads must be
 * made leader anew.
 * @throws FactoryError `unprocessable` for a file that is damaged or of another version, `conflict` when this factory has work items
 */
export async function restoreBackup(ctx: Context, packed: Readable): Promise<RestoreReport> {
  // Taken in whole and looked through before anything is locked: a slow sender holds nobody up.
  const file = await spool(packed, ctx.config.DATA_DIR).catch((error: unknown) => {
    throw new FactoryError('bad_request', `the backup did not arrive whole: ${error instanceof Error ? error.message : String(error)}`, [], { cause: error })
  })
  try {
    const known = readMigrations()
    const { head, toDo } = await lookThrough(file.read(), known)
    const report = await ctx.db.sql.begin(async (tx): Promise<RestoreReport> => {
      await lockTables(tx, (await loadTables(tx)).map((table) => table.name))
      if (await hasItems(tx)) throw new FactoryError('conflict', 'this factory has work items; a backup is restored into an empty one only. Nothing was changed.')
      const epoch = await loadEpoch(tx)
      const rows = await replaceAll(tx, known, toDo, file.read())
      await endLead(tx, epoch)
      const requeued = await loseLiveRuns(ctx, tx)
      await recordEvent(tx, { type: 'factory.restored', itemId: null, runId: null, data: { at: head.at, factory: head.factory, requeued } })
      return { at: head.at, factory: head.factory, migrated: toDo.map((one) => one.name), rows, requeued }
    })
    ctx.log.info({ backup: report.at, requeued: report.requeued.length }, 'restored from a backup')
    void ctx.bus.publish(EVENTS_CHANNEL, {})
    ctx.wake()
    return report
  } finally {
    await file.close()
  }
}

/** Reads it to its end: only then is it known to be whole. */
async function lookThrough(packed: Readable, known: readonly Migration[]): Promise<{ head: BackupHead; toDo: Migration[] }> {
  let found: { head: BackupHead; toDo: Migration[] } | null = null
  for await (const part of readBackup(packed)) if (part.is === 'head') found = { head: part.head, toDo: migrationsToDo(part.head, known) }
  if (found === null) throw new FactoryError('unprocessable', 'this is no backup of a factory')
  return found
}

/** Rows of an older schema are loaded into that schema, made anew, and then migrated like any database. */
async function replaceAll(tx: Tx, known: readonly Migration[], toDo: readonly Migration[], packed: Readable): Promise<Record<string, number>> {
  if (toDo.length === 0) return loadRows(tx, packed)
  await dropAll(tx)
  for (const migration of known) if (!toDo.includes(migration)) await applyMigration(tx, migration)
  const rows = await loadRows(tx, packed)
  for (const migration of toDo) await applyMigration(tx, migration)
  return rows
}

async function loseLiveRuns(ctx: Context, tx: Tx): Promise<number[]> {
  const inside = inTransaction(ctx, tx)
  const requeued: number[] = []
  for (const run of await liveRuns(tx)) {
    await settleRun(inside, { ...run, token: null }, { status: 'lost', outcome: { code: 'restored', message: MESSAGE, until: null } })
    requeued.push(run.itemId)
  }
  return requeued
}
