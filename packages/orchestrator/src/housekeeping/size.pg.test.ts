import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { admitWaiting } from '../scheduler/admit.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { createClock } from '../ports/clock.ts'
import { age } from './housekeeping.fixture.ts'
import { housekeep } from './housekeep.ts'

const EVENTS = 200_000
const SAID = 20_000
let ctx: TestContext
beforeEach(async () => {
  ctx = await testContext({ MAX_WORKERS: '1000', DAILY_BUDGET: '1000000', MAX_ITERATIONS: '1' })
})
afterEach(() => ctx.db.drop())

type Scans = { name: string; whole: number; indexed: number }

/** How often the server went through a whole table or by an index; sessions tell it some time after. */
async function scans(indexedSince = 0): Promise<Scans[]> {
  for (;;) {
    const rows = await ctx.db.sql<Scans[]>`
      select relname as name, seq_scan as whole, coalesce(idx_scan, 0) as indexed from pg_stat_user_tables where relname in ('work_events', 'run_events') order by relname`
    if ((rows.find((row) => row.name === 'work_events')?.indexed ?? 0) >= indexedSince) return rows
  }
}

describeWith(['postgres'], 'retention at size', () => {
  test(`${EVENTS} events go without holding admission up, and its rows are found by an index`, async () => {
    const { sql } = ctx.db
    const old = await seedItem(sql, { repo: 'acme/old', status: 'failed' })
    const other = await seedItem(sql, { repo: 'acme/old', status: 'completed' })
    for (let from = 1; from <= EVENTS; from += 20_000) {
      await sql`insert into work_events (type, item_id, data) select 'decision', case when n % 2 = 0 then ${old}::int else ${other}::int end, jsonb_build_object('n', n) from generate_series(${from}::int, ${from + 19_999}::int) n`
    }
    for (let n = 0; n < 100; n++) await seedItem(sql, { repo: `acme/app-${n}` })
    await seedRun(sql, old, { status: 'failed', finishedAt: new Date() })
    await sql`update runs set cleaned_at = now()`
    await sql`insert into run_events (run_id, seq, at, event) select r.id, n, now(), '{}' from runs r, generate_series(1, ${SAID}::int) n`
    await sql`analyze`
    await age(sql, 100)

    const before = await scans()
    let done = false
    const clock = createClock()
    const pass = housekeep({ ...ctx, clock }).then((result) => {
      done = true
      return result
    })
    const waits: number[] = []
    while (!done) {
      const asked = performance.now()
      await admitWaiting({ ...ctx, epoch: 1 }, 1)
      waits.push(performance.now() - asked)
    }
    expect(await pass).toMatchObject({ archived: 2 })
    expect(await sql`select count(*) as n from work_events where item_id in (${old}, ${other})`).toMatchObject([{ n: 2 }])
    // The server's own count of how it looked: hundreds of batches by index, and not one through the whole table
    // (this test's own look above, and that of a foreign key before the last run goes, may be).
    const after = await scans(EVENTS / 1000)
    for (const [index, table] of after.entries()) expect(table.whole - (before[index]?.whole ?? 0), table.name).toBeLessThan(5)
    // A pass holds a row or two for the milliseconds of a batch. The bound is for a busy machine; one long
    // transaction would hold an admission for all of the pass.
    waits.sort((a, b) => a - b)
    expect(waits.length).toBeGreaterThan(20)
    expect(waits[Math.floor(waits.length / 2)]).toBeLessThan(250)
  }, 120_000)
})
