import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Tx } from '../db/connect.ts'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { callAdmit, type AdmissionLimits } from './store.ts'

const LIMITS: AdmissionLimits = { maxWorkers: 1000, maxWorkersPerRepo: 0, dailyIterations: 1_000_000, cooldownSeconds: 0, maxIterations: 5, leaseSeconds: 120, ageHours: 6 }
const TABLES = ['work_items', 'runs', 'file_locks', 'work_events', 'repositories']

/** The planner believes what statistics say; what an admission reads must not depend on it. */
describeWith(['postgres'], 'what one admission reads', () => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await testDatabase()
    for (const table of TABLES) await db.sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`)
  })
  afterEach(() => db.drop())

  async function fill(): Promise<void> {
    const { sql } = db
    await sql`insert into repositories (name) select 'owner/repo-' || n from generate_series(0, 9) n`
    await sql`
      insert into work_items (source, source_id, repo, title, files, status, priority, queued_at)
      select 'test', n::text, 'owner/repo-' || n % 10, 'A task', array['src/' || n || '.ts'], 'queued', case when n <= 10 then 'critical' else (array['high', 'medium', 'low'])[1 + n % 3] end, now() - n * interval '1 second'
      from generate_series(1, 20000) n`
    // live runs of the first items, so that statistics say that those of live runs are found at the beginning; the next admitted are at the end
    for (let live = 0; live < 10; live++) await callAdmit(sql, null, LIMITS, 1)
    await sql`update runs set status = 'running' where status = 'starting'`
  }

  async function counters(tx: Tx): Promise<{ scans: number; rows: number }> {
    const [row] = await tx<{ scans: number; rows: number }[]>`
      select coalesce(sum(seq_scan), 0)::int as scans, coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int as rows from pg_stat_xact_user_tables where relname in ('work_items', 'runs')`
    return row ?? { scans: Number.NaN, rows: Number.NaN }
  }

  /** Rows of items and runs that each of `count` admissions reads, none of them by a sequential scan. */
  async function rowsRead(count: number): Promise<number[]> {
    const found: number[] = []
    for (let turn = 0; turn < count; turn++) {
      await db.sql.begin(async (tx) => {
        // counted until they are sent on, which is not at each transaction's end: only the difference is this one's
        const before = await counters(tx)
        expect((await callAdmit(tx, null, LIMITS, 1))[0]?.outcome).toBe('admitted')
        const after = await counters(tx)
        expect(after.scans).toBe(before.scans)
        found.push(after.rows - before.rows)
      })
    }
    return found
  }

  test('is a few rows with statistics from when all was empty', async () => {
    await db.sql`analyze`
    await fill()
    expect(Math.max(...(await rowsRead(10)))).toBeLessThan(300)
  })

  test('and with fresh ones', async () => {
    await fill()
    await db.sql`vacuum analyze`
    expect(Math.max(...(await rowsRead(10)))).toBeLessThan(300)
  })
})
