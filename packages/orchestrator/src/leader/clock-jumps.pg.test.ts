import { createLogger } from '@factory/shared'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { admitWaiting } from '../scheduler/admit.ts'
import { seedItem } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { createLeadership } from './leadership.ts'

let ctx: TestContext
/** Steady milliseconds of both processes. */
let steady = 0

function orchestrator(holder: string) {
  return createLeadership({ db: ctx.db, log: createLogger('test', 'silent'), holder, leaderSeconds: 5, leaseSeconds: 120, steady: () => steady })
}
/** As if the database's clock had been set by so much since all that stands in it was written. */
const databaseJumps = (seconds: number) => ctx.db.sql`
  update leader set expires_at = expires_at - make_interval(secs => ${seconds}), seen_at = seen_at - make_interval(secs => ${seconds})`

describeWith(['postgres'], 'clocks that jump', () => {
  beforeEach(async () => {
    ctx = await testContext()
    await ctx.db.sql`select stop_leading('test', 1)`
  })
  afterEach(() => ctx.db.drop())

  test('the database’s clock goes back an hour: a lease that ends far in the future holds nobody up', async () => {
    const [one, two] = [orchestrator('one'), orchestrator('two')]
    await one.look()
    const before = one.epoch() ?? 0
    await databaseJumps(-3600)
    await two.look()
    expect(two.epoch()).toBe(before + 1)
    await one.look()
    expect(one.epoch()).toBeNull()
    expect(() => one.assert(before)).toThrow('leads under epoch')
  })

  test('it goes back less than a lease: the holder keeps it', async () => {
    const [one, two] = [orchestrator('one'), orchestrator('two')]
    await one.look()
    const epoch = one.epoch()
    await databaseJumps(-4)
    await two.look()
    expect(two.epoch()).toBeNull()
    await one.look()
    expect(one.epoch()).toBe(epoch)
  })

  test.each([3600, -3600])('it jumps by %p seconds: no worker’s lease counts before they had one to be heard again', async (seconds) => {
    const one = orchestrator('one')
    await one.look()
    await databaseJumps(seconds)
    await one.look()
    const [row] = await ctx.db.sql<{ now: Date }[]>`select now() as now`
    expect(one.leasesCountFrom().getTime() - (row?.now.getTime() ?? 0)).toBeGreaterThan(110_000)
  })

  test('a process that stood still longer than its trust asks before it acts', async () => {
    const one = orchestrator('one')
    await one.look()
    expect(one.epoch()).not.toBeNull()
    steady += 3600
    expect(one.epoch()).toBeNull()
    await one.look()
    expect(one.epoch()).not.toBeNull()
  })

  test('a start of a worker that stands in the future holds no other up', async () => {
    ctx.config.COOLDOWN_SECONDS = 60
    await ctx.db.sql`select take_lead('test', 3600)`
    await seedItem(ctx.db.sql)
    await ctx.db.sql`update factory_state set last_spawn_at = now() + interval '1 hour'`
    expect((await admitWaiting(ctx, 1))[0]?.outcome).toBe('admitted')
  })
})
