import { createLogger, WORK_STATUSES } from '@factory/shared'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createMemoryBus } from '../adapters/memory-bus.ts'
import { createMemoryLocks } from '../adapters/memory-locks.ts'
import { noEmbedder } from '../adapters/no-embedder.ts'
import { readConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { connect, type Db, type Sql } from '../db/connect.ts'
import { startEmbedded } from '../db/embedded.ts'
import { migrate } from '../db/migrate.ts'
import { testDatabase } from '../db/testing.ts'
import { fakeForge } from '../testing/fake-forge.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { movableClock } from '../testing/test-context.ts'
import { createBackup } from './create.ts'
import { dumpLines } from './dump.ts'

export type Kind = 'postgres' | 'embedded'
export type Store = Context & { drop(): Promise<void> }

/** A factory without workers over a store of either kind. */
export async function openStore(kind: Kind): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), 'factory-backup-'))
  const opened = kind === 'postgres' ? await openPostgres() : await openEmbedded(directory)
  const clock = movableClock(new Date('2026-03-01T12:00:00Z'))
  const log = createLogger('test', 'silent')
  return {
    config: readConfig({ GITHUB_TOKEN: 'made-up-for-tests', DATA_DIR: directory }),
    log,
    db: opened.db,
    clock,
    locks: createMemoryLocks(clock),
    bus: createMemoryBus(log),
    embedder: noEmbedder,
    runtime: fakeRuntime(),
    forge: fakeForge(),
    leader: { epoch: () => 1, assert: () => {}, leasesCountFrom: () => new Date(0), holder: () => 'test' },
    epoch: null,
    metrics: { admission: () => {}, heartbeat: () => {}, runFinished: () => {} },
    wake: () => {},
    async drop() {
      await opened.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function openPostgres(): Promise<{ db: Db; close(): Promise<void> }> {
  const db = await testDatabase()
  return { db, close: () => db.drop() }
}

async function openEmbedded(directory: string): Promise<{ db: Db; close(): Promise<void> }> {
  const embedded = await startEmbedded(join(directory, 'store'))
  const db = connect(embedded.url, { max: embedded.max })
  await migrate(db.sql)
  return {
    db,
    async close() {
      await db.close()
      await embedded.close()
    },
  }
}

/** Something of everything, with what is awkward in text, numbers, times and JSON. */
export async function fill(sql: Sql): Promise<void> {
  for (const status of WORK_STATUSES) {
    const item = await seedItem(sql, { repo: 'acme/app', status, title: `It's "${status}" \\ \u2028 {a,b} 💾\nNULL`, files: ['a,b.ts', '{"x"}', ''], queuedAt: new Date('2026-02-01T00:00:00.123Z') })
    await sql`update work_items set description = ${'\t\\N\\.\r\n'}, author = ${sql.json({ login: 'x', deep: [1.5, null, { a: 'é' }] })}, evidence = ${sql.json(null)}, base_branch = '' where id = ${item}`
    const run = await seedRun(sql, item, { status: status === 'in_progress' ? 'running' : 'failed', outcome: { code: 'internal', message: 'x\u0001y' }, finishedAt: status === 'in_progress' ? null : new Date() })
    await sql`insert into run_events (run_id, seq, at, event) select ${run}, n, now() + make_interval(secs => n / 7.0), jsonb_build_object('n', n, 'third', n / 3.0) from generate_series(1, 5) n`
    await sql`insert into work_events (type, item_id, run_id, data) select 'decision', ${item}, ${run}, jsonb_build_object('n', n) from generate_series(1, 30) n`
    await sql`insert into file_locks (repo, path, run_id, expires_at) values ('acme/app', ${`src/${status}.ts`}, ${run}, now() + interval '1 hour')`
    await sql`insert into effects (item_id, kind, payload, last_error) values (${item}, 'pull_request', ${sql.json({ repo: 'acme/app', nothing: null })}, null)`
    await sql`insert into learnings (repo, kind, text, text_hash, item_id, run_id, embedding, embedding_model) values ('acme/app', 'gotcha', ${`running dogs of ${status}`}, ${status}, ${item}, ${run}, ${'[0.1,-2.5e-7,3]'}, 'm')`
  }
  await sql`insert into budget_days (day, iterations, cost_usd) values ('2026-02-28', 7, 12.345678)`
  await sql`update factory_state set last_spawn_at = '2026-02-28T23:59:59.987654Z'`
  // gaps: a rolled back token, and numbers ahead of the rows
  await sql`select nextval('fencing_token'), nextval('fencing_token')`
}

/** All lines of a dump but the first, which has a time, and the last, which has its checksum. */
export async function contents(store: Context): Promise<string[]> {
  const lines: string[] = []
  for await (const chunk of dumpLines(store, '1.0.0')) lines.push(...chunk.trimEnd().split('\n'))
  return lines.slice(1, -1)
}

export async function packed(store: Context): Promise<Buffer> {
  return Buffer.from(await new Response(Readable.toWeb(await createBackup(store, '1.0.0')) as unknown as ReadableStream).arrayBuffer())
}

export const stream = (bytes: Uint8Array): Readable => Readable.from([bytes])
