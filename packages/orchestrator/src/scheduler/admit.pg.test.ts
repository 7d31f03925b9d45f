import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { admitOne } from './admit.ts'

let ctx: TestContext
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000)
const granted = async (runId: number | null) => (await ctx.db.sql<{ iterations_granted: number }[]>`select iterations_granted from runs where id = ${runId}`)[0]?.iterations_granted
const outcome = async () => (await admitOne(ctx)).outcome

describeWith(['postgres'], 'admission', () => {
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '10', DAILY_BUDGET: '30', MAX_ITERATIONS: '25' })
  })
  afterEach(() => ctx.db.drop())

  test('iterations are set aside: the second run gets what the first left, the third waits for tomorrow', async () => {
    for (let n = 0; n < 3; n++) await seedItem(ctx.db.sql)
    expect(await granted((await admitOne(ctx)).runId)).toBe(25)
    expect(await granted((await admitOne(ctx)).runId)).toBe(5)
    const third = await admitOne(ctx)
    expect(third).toMatchObject({ outcome: 'daily_budget', runId: null })
    const midnight = new Date()
    midnight.setUTCHours(24, 0, 0, 0)
    expect(third.until).toEqual(midnight)
  })

  test('what a run did not use comes back when it ends', async () => {
    const first = await seedItem(ctx.db.sql, { status: 'completed' })
    await ctx.db.sql`insert into budget_days (day, iterations) values ((now() at time zone 'utc')::date, 3)`
    await seedRun(ctx.db.sql, first, { status: 'succeeded', granted: 25, iterations: 3 })
    await seedItem(ctx.db.sql)
    expect(await granted((await admitOne(ctx)).runId)).toBe(25)
  })

  test('the cooldown is between two starts, and says until when', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    await seedItem(ctx.db.sql)
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('admitted')
    const second = await admitOne(ctx)
    expect(second.outcome).toBe('cooldown')
    expect((second.until?.getTime() ?? 0) - Date.now()).toBeGreaterThan(50_000)
  })

  test('neither cooldown nor budget nor a usage limit holds up a verification, for it uses no model', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    ctx.config.DAILY_BUDGET = 0
    await ctx.db.sql`update factory_state set last_spawn_at = now(), paused_until = now() + interval '1 hour'`
    const queued = await seedItem(ctx.db.sql, { priority: 'critical' })
    const built = await seedItem(ctx.db.sql, { status: 'verifying', priority: 'low' })
    expect(await admitOne(ctx)).toMatchObject({ outcome: 'admitted', itemId: built })
    expect(await admitOne(ctx)).toMatchObject({ outcome: 'usage_limit', itemId: null })
    expect(queued).toBeGreaterThan(0)
  })

  test('critical before high before medium before low, the oldest first inside one', async () => {
    const low = await seedItem(ctx.db.sql, { priority: 'low', queuedAt: hoursAgo(1) })
    const younger = await seedItem(ctx.db.sql, { queuedAt: hoursAgo(1) })
    const older = await seedItem(ctx.db.sql, { queuedAt: hoursAgo(2) })
    const critical = await seedItem(ctx.db.sql, { priority: 'critical' })
    const high = await seedItem(ctx.db.sql, { priority: 'high' })
    ctx.config.DAILY_BUDGET = 1000
    const order: (number | null)[] = []
    for (let n = 0; n < 5; n++) order.push((await admitOne(ctx)).itemId)
    expect(order).toEqual([critical, high, older, younger, low])
  })

  test('waiting raises: a low item of two days goes before a fresh high one', async () => {
    await seedItem(ctx.db.sql, { priority: 'high' })
    const old = await seedItem(ctx.db.sql, { priority: 'low', queuedAt: hoursAgo(48) })
    expect((await admitOne(ctx)).itemId).toBe(old)
  })

  test('no repository starves another: a hundred older items of one do not hold up the other', async () => {
    ctx.config.DAILY_BUDGET = 1000
    for (let n = 0; n < 100; n++) await seedItem(ctx.db.sql, { repo: 'big/app', queuedAt: hoursAgo(5) })
    const small = await seedItem(ctx.db.sql, { repo: 'small/app', queuedAt: hoursAgo(1) })
    const first = [(await admitOne(ctx)).itemId, (await admitOne(ctx)).itemId]
    expect(first).toContain(small)
  })

  test('two items that name the same file are not built at once, and a lock keeps others off too', async () => {
    ctx.config.DAILY_BUDGET = 1000
    const first = await seedItem(ctx.db.sql, { files: ['src/a.ts'] })
    await seedItem(ctx.db.sql, { files: ['src/b.ts', 'src/a.ts'] })
    const elsewhere = await seedItem(ctx.db.sql, { repo: 'other/app', files: ['src/a.ts'] })
    expect([(await admitOne(ctx)).itemId, (await admitOne(ctx)).itemId].sort()).toEqual([first, elsewhere].sort())
    expect(await outcome()).toBe('nothing')
    await seedItem(ctx.db.sql, { files: ['src/c.ts'] })
    const holder = await seedRun(ctx.db.sql, await seedItem(ctx.db.sql, { status: 'in_progress' }))
    await ctx.db.sql`insert into file_locks (repo, path, run_id, expires_at) values ('owner/name', 'src/c.ts', ${holder}, now() + interval '1 hour')`
    expect(await outcome()).toBe('nothing')
    await ctx.db.sql`update file_locks set expires_at = now() - interval '1 second'`
    expect(await outcome()).toBe('admitted')
  })

  test('an item that waits for a time is left alone until then', async () => {
    await seedItem(ctx.db.sql, { notBefore: new Date(Date.now() + 60_000) })
    expect(await outcome()).toBe('nothing')
  })
})
