import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import fc from 'fast-check'
import { connect } from '../db/connect.ts'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { isNotLeading } from '../db/refusal.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { seedItem } from '../testing/seed.ts'
import { testContext } from '../testing/test-context.ts'
import { transact } from '../transact.ts'
import { admitWaiting } from '../scheduler/admit.ts'
import { createLeadership } from './leadership.ts'
import { callLead } from './store.ts'
import { underEpoch } from './under.ts'

const log = createLogger('test', 'silent')

describeWith(['postgres'], 'who leads', () => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await testDatabase()
  })
  afterEach(() => db.drop())

  /** Looks by hand; `skip` moves its steady clock, as for a process that was frozen. */
  function candidate(holder: string, leaderSeconds = 10) {
    let skipped = 0
    const leadership = createLeadership({ db, log, holder, leaderSeconds, leaseSeconds: 120, steady: () => performance.now() + skipped })
    return { ...leadership, skip: (ms: number) => void (skipped += ms) }
  }
  const expire = () => db.sql`update leader set expires_at = clock_timestamp() - interval '1 second'`

  test('the first to look; the other watches', async () => {
    const [one, two] = [candidate('one'), candidate('two')]
    await one.look()
    await two.look()
    expect([one.epoch(), two.epoch()]).toEqual([1, null])
    expect([one.holder(), two.holder()]).toEqual(['one', 'one'])
    await one.look()
    expect(one.epoch()).toBe(1)
  })

  test('a leader that goes gives the lead back; one that is gone loses it with its lease', async () => {
    const [one, two, three] = [candidate('one'), candidate('two'), candidate('three')]
    await one.look()
    await one.stop()
    await two.look()
    expect([one.epoch(), two.epoch()]).toEqual([null, 2])
    await expire()
    await three.look()
    expect(three.epoch()).toBe(3)
    await two.look()
    expect(two.epoch()).toBeNull()
  })

  test('an answer that waited while the process was frozen sets no clock', async () => {
    const times: Date[] = []
    let late = 0
    let asked = 0
    const leadership = createLeadership({ db, log, holder: 'one', leaderSeconds: 10, leaseSeconds: 120, steady: () => performance.now() + late * asked++, onTime: (now) => times.push(now) })
    await leadership.look()
    expect(times).toHaveLength(1)
    late = 60_000
    await leadership.look()
    expect(times).toHaveLength(1)
    late = 0
    await leadership.look()
    expect(times).toHaveLength(2)
  })

  test('a leader that was frozen knows it without asking, and cannot write under its old epoch', async () => {
    const ctx = { ...(await testContext()), db }
    const one = candidate('one')
    await one.look()
    const frozen = underEpoch({ ...ctx, leader: one }, 1)
    one.skip(7_500)
    expect(one.epoch()).toBeNull()
    expect(() => one.assert(1)).toThrow('leads under epoch')
    expect(frozen.runtime.list()).rejects.toThrow('leads under epoch')
    expect(ctx.runtime.calls).toEqual([])

    await expire()
    await candidate('two').look()
    const written = transact(frozen, (tx) => tx`insert into repositories (name) values ('late/writer')`)
    expect(await written.catch((error: unknown) => isNotLeading(error))).toBe(true)
    expect(await db.sql`select from repositories where name = 'late/writer'`).toHaveLength(0)
    await seedItem(db.sql)
    expect(await admitWaiting(frozen, 1).catch((error: unknown) => isNotLeading(error))).toBe(true)
    expect(await db.sql`select from runs`).toHaveLength(0)
  })

  test('a transaction of the old leader that has begun ends before another can lead', async () => {
    await callLead(db.sql, 'one', 10)
    const ctx = { ...(await testContext()), db, epoch: 1 }
    let finish = () => {}
    const until = new Promise<void>((resolve) => (finish = resolve))
    let begun = () => {}
    const began = new Promise<void>((resolve) => (begun = resolve))
    const writing = transact(ctx, async (tx) => {
      await tx`insert into repositories (name) values ('in/time')`
      begun()
      await until
    })
    await began
    await db.sql`select 1`
    // the row lock holds back even the expiry, and so every look that could take the lead
    const taking = (async () => {
      await expire()
      return callLead(db.sql, 'two', 10)
    })()
    const first = await Promise.race([taking.then(() => 'took'), db.sql`select pg_sleep(0.2)`.then(() => 'waits')])
    expect(first).toBe('waits')
    finish()
    await writing
    expect((await taking).epoch).toBe(2)
    expect(await db.sql`select from repositories where name = 'in/time'`).toHaveLength(1)
  })

  test('a lease from before the database’s clock went back holds nobody up', async () => {
    await candidate('one').look()
    await db.sql`update leader set expires_at = clock_timestamp() + interval '1 hour'`
    const two = candidate('two')
    await two.look()
    expect(two.epoch()).toBe(2)
  })

  test('a longer lease of one that was started with another length is not taken for a clock that went back', async () => {
    const [long, short] = [candidate('long', 60), candidate('short', 5)]
    await long.look()
    await short.look()
    expect([long.epoch(), short.epoch()]).toEqual([1, null])
  })

  test('while the database is away nobody leads for longer than its trust, and nothing throws', async () => {
    const one = candidate('one')
    await one.look()
    const nowhere = connect('postgres://nobody@127.0.0.1:1/none', { connectTimeoutSeconds: 1 })
    const away = createLeadership({ db: nowhere, log, holder: 'x', leaderSeconds: 10, leaseSeconds: 120, steady: () => performance.now() })
    await away.look()
    expect(away.epoch()).toBeNull()
    await nowhere.close()
    one.skip(8_000)
    expect(one.epoch()).toBeNull()
    await one.look()
    expect(one.epoch()).toBe(1)
  })

  test('epochs only grow and never two lead under one, in whatever order they look, freeze and lose their lease', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('look', 'expire', 'stop')), { maxLength: 25 }), async (steps) => {
        await db.sql`update leader set holder = null, epoch = 0, expires_at = '-infinity', seen_at = null`
        const led = new Map<number, string>()
        let last = 0
        for (const [who, what] of steps) {
          if (what === 'expire') await expire()
          else if (what === 'stop') await db.sql`select stop_leading(${who}, ${last})`
          else {
            const row = await callLead(db.sql, who, 10)
            expect(row.epoch).toBeGreaterThanOrEqual(last)
            last = row.epoch
            if (row.leads) expect(led.get(row.epoch) ?? who).toBe(who)
            if (row.leads) led.set(row.epoch, who)
          }
        }
      }),
      { numRuns: 30 },
    )
  }, 60_000)

  test('what the engine is asked under an epoch is asked only while it lasts', async () => {
    const runtime = fakeRuntime()
    const one = candidate('one')
    await one.look()
    const ctx = underEpoch({ ...(await testContext()), db, runtime, leader: one }, 1)
    expect(await ctx.runtime.list()).toEqual([])
    expect(ctx.runtime.kind).toBe('process')
    one.skip(60_000)
    expect(ctx.runtime.stop('w', { graceSeconds: 0 })).rejects.toThrow('epoch 1')
  })
})
