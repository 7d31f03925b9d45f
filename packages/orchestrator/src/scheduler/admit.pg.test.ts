import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { RalphEvent } from '@factory/shared'
import fc from 'fast-check'
import { describeWith } from '@factory/rehearsal/testing'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { changeLimits } from '../budget/limits.ts'
import { acquireLocks } from '../locks/acquire.ts'
import { releaseLocks } from '../locks/release.ts'
import { heartbeat } from '../workers/heartbeat.ts'
import { settleRun } from '../workers/settle.ts'
import { settleDown } from '../testing/drive.ts'
import { admitWaiting } from './admit.ts'
import { newInFlight, tick } from './tick.ts'

let ctx: TestContext
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000)
const granted = async (runId: number | null) => (await ctx.db.sql<{ iterations_granted: number }[]>`select iterations_granted from runs where id = ${runId}`)[0]?.iterations_granted
const admitOne = async () => {
  const [one] = await admitWaiting(ctx, 1)
  if (!one) throw new Error('admission said nothing')
  return one
}
const outcome = async () => (await admitOne()).outcome

describeWith(['postgres'], 'admission', () => {
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '10', DAILY_BUDGET: '30', MAX_ITERATIONS: '25' })
  })
  afterEach(() => ctx.db.drop())

  test('iterations are set aside: the second run gets what the first left, the third waits for tomorrow', async () => {
    for (let n = 0; n < 3; n++) await seedItem(ctx.db.sql)
    expect(await granted((await admitOne()).runId)).toBe(25)
    expect(await granted((await admitOne()).runId)).toBe(5)
    const third = await admitOne()
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
    expect(await granted((await admitOne()).runId)).toBe(25)
  })

  test('the cooldown is between two starts, and says until when', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    await seedItem(ctx.db.sql)
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('admitted')
    const second = await admitOne()
    expect(second.outcome).toBe('cooldown')
    expect((second.until?.getTime() ?? 0) - Date.now()).toBeGreaterThan(50_000)
  })

  test('neither cooldown nor budget nor a usage limit holds up a verification, for it uses no model', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    ctx.config.DAILY_BUDGET = 0
    await ctx.db.sql`update factory_state set last_spawn_at = now()`
    await ctx.db.sql`update accounts set state = 'paused', paused_until = now() + interval '1 hour'`
    const queued = await seedItem(ctx.db.sql, { priority: 'critical' })
    const built = await seedItem(ctx.db.sql, { status: 'verifying', priority: 'low' })
    expect(await admitOne()).toMatchObject({ outcome: 'admitted', itemId: built })
    expect(await admitOne()).toMatchObject({ outcome: 'usage_limit', itemId: null })
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
    for (let n = 0; n < 5; n++) order.push((await admitOne()).itemId)
    expect(order).toEqual([critical, high, older, younger, low])
  })

  test('waiting raises: a low item of two days goes before a fresh high one', async () => {
    await seedItem(ctx.db.sql, { priority: 'high' })
    const old = await seedItem(ctx.db.sql, { priority: 'low', queuedAt: hoursAgo(48) })
    expect((await admitOne()).itemId).toBe(old)
  })

  test('no repository starves another: a hundred older items of one do not hold up the other', async () => {
    ctx.config.DAILY_BUDGET = 1000
    for (let n = 0; n < 100; n++) await seedItem(ctx.db.sql, { repo: 'big/app', queuedAt: hoursAgo(5) })
    const small = await seedItem(ctx.db.sql, { repo: 'small/app', queuedAt: hoursAgo(1) })
    const first = [(await admitOne()).itemId, (await admitOne()).itemId]
    expect(first).toContain(small)
  })

  test('two items that name the same file are not built at once, and a lock keeps others off too', async () => {
    ctx.config.DAILY_BUDGET = 1000
    const first = await seedItem(ctx.db.sql, { files: ['src/a.ts'] })
    await seedItem(ctx.db.sql, { files: ['src/b.ts', 'src/a.ts'] })
    const elsewhere = await seedItem(ctx.db.sql, { repo: 'other/app', files: ['src/a.ts'] })
    expect([(await admitOne()).itemId, (await admitOne()).itemId].sort()).toEqual([first, elsewhere].sort())
    expect(await outcome()).toBe('nothing')
    await seedItem(ctx.db.sql, { files: ['src/c.ts'] })
    const holder = await seedRun(ctx.db.sql, await seedItem(ctx.db.sql, { status: 'in_progress' }))
    await ctx.db.sql`insert into file_locks (repo, path, run_id, expires_at) values ('owner/name', 'src/c.ts', ${holder}, now() + interval '1 hour')`
    expect(await outcome()).toBe('nothing')
    await ctx.db.sql`update file_locks set expires_at = now() - interval '1 second'`
    await ctx.db.sql`update blockers set looked_at = now() - interval '2 minutes'`
    expect(await outcome()).toBe('admitted')
  })

  test('an item that waits for a time is left alone until then', async () => {
    await seedItem(ctx.db.sql, { notBefore: new Date(Date.now() + 60_000) })
    expect(await outcome()).toBe('nothing')
  })

  test('many are admitted in one go, and the last line says why no more', async () => {
    ctx.config.DAILY_BUDGET = 1000
    ctx.config.MAX_WORKERS = 3
    for (let n = 0; n < 5; n++) await seedItem(ctx.db.sql)
    expect((await admitWaiting(ctx, 5)).map((one) => one.outcome)).toEqual(['admitted', 'admitted', 'admitted', 'worker_slot'])
    expect((await ctx.db.sql<{ token: number }[]>`select token from runs`).map((row) => row.token)).toEqual([1, 2, 3])
  })

  test('a repository has no more workers than its own limit; others go on', async () => {
    ctx.config.DAILY_BUDGET = 1000
    ctx.config.MAX_WORKERS_PER_REPO = 1
    const [first] = [await seedItem(ctx.db.sql, { repo: 'big/app', queuedAt: hoursAgo(3) }), await seedItem(ctx.db.sql, { repo: 'big/app', queuedAt: hoursAgo(2) })]
    const other = await seedItem(ctx.db.sql, { repo: 'small/app' })
    expect((await admitWaiting(ctx, 5)).map((one) => one.itemId)).toEqual([first, other, null])
  })

  test('what the day has used yesterday does not count today', async () => {
    await ctx.db.sql`insert into budget_days (day, iterations) values ((now() at time zone 'utc')::date - 1, 30)`
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('admitted')
  })

  test('a limit that is raised counts at once, and for every orchestrator', async () => {
    ctx.config.DAILY_BUDGET = 0
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('daily_budget')
    expect((await changeLimits(ctx, { dailyIterations: 7, maxWorkers: 1 })).dailyIterations).toEqual({ value: 7, configured: 0, set: true })
    expect(await granted((await admitOne()).runId)).toBe(7)
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('worker_slot')
    expect((await changeLimits(ctx, { dailyIterations: null })).dailyIterations).toEqual({ value: 0, configured: 0, set: false })
    expect(await ctx.db.sql`select from work_events where type = 'limits.changed'`).toHaveLength(2)
  })

  test('a start from before the clock went back holds nobody up', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    await ctx.db.sql`update factory_state set last_spawn_at = now() + interval '1 hour'`
    await seedItem(ctx.db.sql)
    expect(await outcome()).toBe('admitted')
  })

  describe('items that another run is in the way of', () => {
    const parked = async () => (await ctx.db.sql<{ n: number }[]>`select count(*) as n from work_items where parked`)[0]?.n

    beforeEach(() => {
      ctx.config.DAILY_BUDGET = 10_000
      ctx.config.MAX_WORKERS = 50
    })

    test('are parked behind it and looked at no more; the one behind them runs', async () => {
      await seedItem(ctx.db.sql, { files: ['a.ts'], queuedAt: hoursAgo(9) })
      expect(await outcome()).toBe('admitted')
      for (let n = 0; n < 20; n++) await seedItem(ctx.db.sql, { files: ['a.ts'], queuedAt: hoursAgo(5) })
      const free = await seedItem(ctx.db.sql, { files: ['b.ts'] })
      expect((await admitOne()).itemId).toBe(free)
      expect(await parked()).toBe(20)
      expect(await outcome()).toBe('nothing')
    })

    test('wake when it ends, the oldest first, with the age they had', async () => {
      const holder = await seedItem(ctx.db.sql, { files: ['a.ts'] })
      const run = (await admitOne()).runId
      const [old, young] = [await seedItem(ctx.db.sql, { files: ['a.ts'], queuedAt: hoursAgo(5) }), await seedItem(ctx.db.sql, { files: ['a.ts'] })]
      expect(await outcome()).toBe('nothing')
      expect(await parked()).toBe(2)
      await settleRun(ctx, { id: run ?? 0, itemId: holder, token: null }, { status: 'failed', outcome: { code: 'bad_spec', message: 'no', until: null } })
      expect((await admitOne()).itemId).toBe(old)
      expect((await admitOne()).itemId).toBeNull()
      expect(young).toBeGreaterThan(old)
    })

    test('a file that a run left behind when it ended, with a lock table that was away, is free', async () => {
      const ended = await seedRun(ctx.db.sql, await seedItem(ctx.db.sql, { status: 'completed' }), { status: 'failed' })
      await ctx.db.sql`insert into file_locks (repo, path, run_id, expires_at) values ('owner/name', 'a.ts', ${ended}, now() + interval '1 hour')`
      const waiting = await seedItem(ctx.db.sql, { files: ['a.ts'] })
      expect((await admitOne()).itemId).toBe(waiting)
    })

    test('wake when a live run gives the file back', async () => {
      const live = await seedItem(ctx.db.sql)
      const run = (await admitOne()).runId ?? 0
      const locker = { repo: 'owner/name', runId: run, itemId: live }
      expect(await acquireLocks(ctx, locker, ['a.ts'])).toMatchObject({ granted: true })
      const waiting = await seedItem(ctx.db.sql, { files: ['a.ts'] })
      expect(await outcome()).toBe('nothing')
      await releaseLocks(ctx, locker, ['a.ts'])
      expect((await admitOne()).itemId).toBe(waiting)
    })

    /** Ahead of all others, and all on one file. */
    const queueOnOneFile = (count: number) => ctx.db.sql`
      insert into work_items (source, source_id, repo, title, spec, files, status, queued_at)
      select 'many', n::text, 'owner/name', 'A task', '- [ ] do it', '{a.ts}', 'queued', now() - interval '5 hours' from generate_series(1, ${count}::int) n`

    test('many that would meet one run are parked at a time', async () => {
      await seedItem(ctx.db.sql, { files: ['a.ts'], queuedAt: hoursAgo(9) })
      await admitOne()
      await queueOnOneFile(2500)
      const other = await seedItem(ctx.db.sql, { files: ['b.ts'], queuedAt: hoursAgo(4) })
      expect((await admitOne()).itemId).toBe(other)
      expect(await parked()).toBe(2500)
    })

    test('more than one call can pass are passed in several, without waiting for the next second', async () => {
      ctx.config.DAILY_BUDGET = 1000
      await seedItem(ctx.db.sql, { files: ['a.ts'], queuedAt: hoursAgo(9) })
      await settleDown(ctx)
      await queueOnOneFile(12_100)
      const free = await seedItem(ctx.db.sql)
      let woken = 0
      ctx.wake = () => void (woken += 1)
      expect((await tick(ctx, newInFlight())).admission?.outcome).toBe('again')
      expect(woken).toBe(1)
      expect((await admitOne()).itemId).toBe(free)
    })
  })

  describe('after a usage limit', () => {
    const state = async () => (await ctx.db.sql<{ state: string; paused_until: Date | null }[]>`select state, paused_until from accounts`)[0]
    const limit = (until: Date) => ({ status: 'paused' as const, outcome: { code: 'usage_limit' as const, message: 'the five hours are used up', until: until.toISOString() } })
    const admitted = async () => {
      const one = await admitOne()
      if (one.runId === null || one.itemId === null) throw new Error(`not admitted: ${one.outcome}`)
      await ctx.db.sql`update runs set status = 'running' where id = ${one.runId}`
      return { id: one.runId, itemId: one.itemId, token: null }
    }
    /** Two runs are under way, both meet the limit, and its time is over. */
    async function overcome(): Promise<void> {
      ctx.config.DAILY_BUDGET = 10_000
      for (let n = 0; n < 6; n++) await seedItem(ctx.db.sql)
      const [one, two] = [await admitted(), await admitted()]
      await settleRun(ctx, one, limit(new Date(Date.now() + 60_000)))
      await settleRun(ctx, two, limit(new Date(Date.now() + 30_000)))
      expect(await ctx.db.sql`select from work_events where type = 'account.paused'`).toHaveLength(1)
      expect(await outcome()).toBe('usage_limit')
      await ctx.db.sql`update accounts set paused_until = now() - interval '1 second'`
    }

    test('one run tries; the others start when the model has answered it', async () => {
      await overcome()
      const canary = await admitted()
      expect(await state()).toMatchObject({ state: 'probing' })
      expect(await admitOne()).toMatchObject({ outcome: 'usage_limit', until: null })
      const [row] = await ctx.db.sql<{ token: number }[]>`select token from runs where id = ${canary.id}`
      const ref = { ...canary, token: row?.token ?? 0 }
      await heartbeat(ctx, ref, { events: [iteration(1, true)] })
      expect(await outcome()).toBe('usage_limit')
      await heartbeat(ctx, ref, { events: [iteration(2, false)] })
      expect(await state()).toMatchObject({ state: 'open' })
      expect(await outcome()).toBe('admitted')
    })

    test('a canary that meets the limit again pauses everybody again', async () => {
      await overcome()
      const until = new Date(Date.now() + 90_000)
      await settleRun(ctx, await admitted(), limit(until))
      expect(await state()).toEqual({ state: 'paused', paused_until: until })
      expect(await outcome()).toBe('usage_limit')
    })

    test('a canary that is lost or killed has found out nothing: the next one tries, and nothing is wedged', async () => {
      await overcome()
      await settleRun(ctx, await admitted(), { status: 'lost', outcome: { code: 'worker_exited', message: 'gone', until: null } })
      const second = await admitted()
      expect(await outcome()).toBe('usage_limit')
      // as if its end had been written by a factory that knew nothing of canaries
      await ctx.db.sql`update runs set status = 'lost' where id = ${second.id}`
      const third = await admitted()
      await settleRun(ctx, third, { status: 'stuck', outcome: { code: 'stuck', message: 'the model answered, at least', until: null }, note: 'why?' })
      expect(await state()).toMatchObject({ state: 'open' })
    })
  })

  test('whatever is waiting and however many ask at once: no limit is overshot, every token is new', async () => {
    const { sql } = ctx.db
    await fc.assert(
      fc.asyncProperty(
        fc.record({ items: fc.array(fc.record({ repo: fc.constantFrom('a/a', 'b/b'), files: fc.subarray(['x', 'y']) }), { minLength: 1, maxLength: 15 }), workers: fc.integer({ min: 0, max: 5 }), perRepo: fc.integer({ min: 0, max: 3 }), daily: fc.integer({ min: 0, max: 40 }), callers: fc.integer({ min: 2, max: 6 }), atMost: fc.integer({ min: 1, max: 4 }), cooldown: fc.constantFrom(0, 0, 0, 60) }),
        async ({ items, workers, perRepo, daily, callers, atMost, cooldown }) => {
          await sql`truncate repositories, work_items, runs, work_events, file_locks, budget_days, blockers cascade`
          await sql`update factory_state set last_spawn_at = null`
          Object.assign(ctx.config, { MAX_WORKERS: workers, MAX_WORKERS_PER_REPO: perRepo, DAILY_BUDGET: daily, COOLDOWN_SECONDS: cooldown })
          for (const item of items) await seedItem(sql, item)
          await Promise.all(Array.from({ length: callers }, () => admitWaiting(ctx, atMost)))
          const runs = await sql<{ repo: string; files: string[]; iterations_granted: number; token: number }[]>`select i.repo, i.files, r.iterations_granted, r.token from runs r join work_items i on i.id = r.item_id`
          expect(runs.length).toBeLessThanOrEqual(workers)
          if (cooldown > 0) expect(runs.length).toBeLessThanOrEqual(1)
          expect(runs.reduce((sum, run) => sum + run.iterations_granted, 0)).toBeLessThanOrEqual(daily)
          expect(new Set(runs.map((run) => run.token)).size).toBe(runs.length)
          for (const repo of ['a/a', 'b/b']) {
            const ours = runs.filter((run) => run.repo === repo)
            if (perRepo > 0) expect(ours.length).toBeLessThanOrEqual(perRepo)
            const files = ours.flatMap((run) => run.files)
            expect(new Set(files).size).toBe(files.length)
          }
        },
      ),
      { numRuns: 40 },
    )
  }, 60_000)
})

const iteration = (seq: number, isError: boolean): RalphEvent =>
  RalphEvent.parse({ v: 1, seq, ts: new Date().toISOString(), run: 'r', event: 'iteration.finished', iteration: seq, durationMs: 5, isError, commit: null, tree: null, text: null, usage: { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 } })
