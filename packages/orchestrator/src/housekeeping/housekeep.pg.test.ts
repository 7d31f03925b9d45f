import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { ForgeError } from '../ports/forge.ts'
import { settleDown, SPEC } from '../testing/drive.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { createWork } from '../work/create.ts'
import { getItem, getWork } from '../work/read.ts'
import { retryWork } from '../work/retry.ts'
import { housekeep } from './housekeep.ts'
import { age, copies, Killed, killedAt, replayed, withRefs, workOff, type Refs } from './housekeeping.fixture.ts'

const DAY = 86_400
let ctx: TestContext
let refs: Refs

async function open(): Promise<void> {
  ctx = await testContext({ MAX_WORKERS: '4', RETRY_BACKOFF_SECONDS: '0', MAX_ATTEMPTS: '1', RETENTION_DAYS: '90' })
  refs = withRefs(ctx)
}
const count = async (table: string): Promise<number> => (await ctx.db.sql.unsafe<{ n: number }[]>(`select count(*) as n from ${table}`))[0]?.n ?? -1
const closePull = (number: number, merged: boolean) => void Object.assign(ctx.forge.pulls[number - 1] ?? {}, { state: 'closed', merged })

describeWith(['postgres'], 'housekeeping', () => {
  beforeEach(open)
  afterEach(() => ctx.db.drop())

  test('what ended long ago loses its history and keeps its face; nothing younger is touched', async () => {
    const id = await workOff(ctx, refs, 1, 'completed')
    closePull(1, true)
    await age(ctx.db.sql, 80)
    const young = await workOff(ctx, refs, 2, 'completed')
    const before = await getWork(ctx, id)
    expect(before.item.usage).toMatchObject({ iterations: 3, costUsd: 0.25 })
    await age(ctx.db.sql, 11)
    expect(await housekeep(ctx)).toMatchObject({ archived: 1, refs: 1 })

    const after = await getWork(ctx, id)
    expect(after.item).toEqual(before.item)
    expect(after.runs).toEqual([])
    expect(after.events.map((event) => event.type)).toEqual(['work.snapshot'])
    const gone = before.runs.map((run) => run.id)
    expect(await ctx.db.sql`select 1 from run_events where run_id = any(${gone}::int[])`).toHaveLength(0)
    expect(await ctx.db.sql`select 1 from run_logs where run_id = any(${gone}::int[])`).toHaveLength(0)
    expect(await count('run_logs')).toBeGreaterThan(0)
    expect((await getWork(ctx, young)).runs).toHaveLength(2)
    expect((await getWork(ctx, young)).events.length).toBeGreaterThan(5)
    for (const one of await replayed(ctx.db.sql)) expect(one.replayed).toEqual(one.row)
    // learnings stay, and the issue is not taken up again
    expect(await count('learnings')).toBe(2)
    expect((await createWork(ctx, { source: 'github', sourceId: 'acme/app#1', repo: 'acme/app', spec: SPEC })).created).toBe(false)
    expect(await housekeep(ctx)).toMatchObject({ archived: 0, refs: 0 })
    expect(await ctx.db.sql`select item_id from leftovers`).toMatchObject([{ item_id: young }])
  })

  test('refs of completed work go with its pull request, whatever the retention; the forge is asked once an hour', async () => {
    ctx.config = { ...ctx.config, RETENTION_DAYS: 0 }
    const id = await workOff(ctx, refs, 1, 'completed')
    let asked = 0
    const findPulls = ctx.forge.findPulls
    ctx.forge.findPulls = (...args) => {
      asked++
      return findPulls(...args)
    }
    for (let minute = 0; minute < 120; minute += 10) {
      await housekeep(ctx)
      ctx.clock.advance(600)
    }
    expect([asked, refs.size]).toEqual([2, 1])
    closePull(1, false)
    await housekeep(ctx)
    expect(refs.size).toBe(0)
    ctx.clock.advance(1000 * DAY)
    expect(await housekeep(ctx)).toMatchObject({ archived: 0 })
    expect((await getWork(ctx, id)).runs).toHaveLength(2)
  })

  test('an open pull request keeps its refs and the runs that name them, past the retention; then they go too', async () => {
    const id = await workOff(ctx, refs, 1, 'completed')
    const before = await getItem(ctx, id)
    ctx.clock.advance(100 * DAY)
    await housekeep(ctx)
    expect((await getWork(ctx, id)).runs.map((run) => run.kind)).toEqual(['build'])
    expect(refs.size).toBe(1)
    expect(await getItem(ctx, id)).toEqual(before)
    closePull(1, true)
    ctx.clock.advance(2 * 3600)
    await housekeep(ctx)
    expect([refs.size, await count('runs'), await count('leftovers')]).toEqual([0, 0, 0])
    expect(await getItem(ctx, id)).toEqual(before)
    for (const one of await replayed(ctx.db.sql)) expect(one.replayed).toEqual(one.row)
  })

  test('failed work keeps its refs for a retry until the retention is over; after that a retry begins anew', async () => {
    const id = await workOff(ctx, refs, 1, 'failed')
    await age(ctx.db.sql, 89)
    await housekeep(ctx)
    expect(refs.size).toBe(1)
    expect(await ctx.db.sql`select wip_sha is not null as kept from work_items`).toMatchObject([{ kept: true }])
    await age(ctx.db.sql, 2)
    await housekeep(ctx)
    expect([refs.size, await count('runs')]).toEqual([0, 0])
    expect(await ctx.db.sql`select wip_ref, wip_sha, base_sha from work_items`).toEqual([{ wip_ref: null, wip_sha: null, base_sha: null }] as never)
    for (const one of await replayed(ctx.db.sql)) expect(one.replayed).toEqual(one.row)
    await retryWork(ctx, id, 'again')
    await settleDown(ctx)
    expect(await getItem(ctx, id)).toMatchObject({ status: 'in_progress', usage: { iterations: 3 } })
    await housekeep(ctx)
    expect((await getWork(ctx, id)).runs).toHaveLength(1)
  })

  test('work that was taken up again is left alone, at whatever moment that was', async () => {
    const id = await workOff(ctx, refs, 1, 'failed')
    ctx.clock.advance(100 * DAY)
    await retryWork(ctx, id, 'again')
    const before = await getWork(ctx, id)
    await housekeep(ctx)
    expect(await getWork(ctx, id)).toEqual(before)
    expect([refs.size, await count('leftovers')]).toEqual([1, 0])
  })

  test.each<[ConstructorParameters<typeof ForgeError>[0], number, boolean]>([
    ['unreachable', 1, false],
    ['rate_limited', 1, false],
    ['auth', 1, false],
    ['repository_forbidden', 2, false],
    // hidden or gone: after the retention it counts as gone
    ['repository_not_found', 2, true],
  ])('a forge that answers %s: asked for %i items, gone: %p, and the rest of the pass goes on', async (code, calls, gone) => {
    await workOff(ctx, refs, 1, 'failed')
    await workOff(ctx, refs, 2, 'failed')
    ctx.clock.advance(100 * DAY)
    let asked = 0
    ctx.forge.deleteRef = () => {
      asked++
      return Promise.reject(new ForgeError(code, 'no'))
    }
    expect(await housekeep(ctx)).toMatchObject({ archived: 2 })
    expect(asked).toBe(calls)
    expect(await count('runs')).toBe(gone ? 0 : 2)
    await housekeep(ctx)
    // those that were not asked for yet are due now; the others in an hour
    expect(asked).toBe(gone ? 2 : 2)
  })

  test('only the leader does it, and one that leads no more stops', async () => {
    await workOff(ctx, refs, 1, 'failed')
    ctx.clock.advance(100 * DAY)
    expect(await housekeep({ ...ctx, leader: { ...ctx.leader, epoch: () => null } })).toBeNull()
    await ctx.db.sql`update leader set epoch = epoch + 1`
    expect(await housekeep(ctx)).toBeNull()
    expect([refs.size, await count('runs')]).toEqual([1, 1])
  })

  test('events are removed by housekeeping alone', async () => {
    await workOff(ctx, refs, 1, 'failed')
    await expect(ctx.db.sql`delete from work_events`.execute()).rejects.toThrow('append-only')
    await expect(ctx.db.sql`update work_events set type = 'x'`.execute()).rejects.toThrow('append-only')
    ctx.clock.advance(100 * DAY)
    await housekeep(ctx)
    await expect(ctx.db.sql`delete from work_events`.execute()).rejects.toThrow('append-only')
    await expect(ctx.db.sql.begin(async (tx) => {
      await tx`select set_config('factory.housekeeping', 'on', true)`
      await tx`update work_events set type = 'x'`
    })).rejects.toThrow('append-only')
  })

  test('the engine is swept of what no run needs', async () => {
    const swept: unknown[] = []
    Object.assign(ctx.runtime, { sweep: async (needed: unknown) => (swept.push(needed), ['factory-cache-x']) })
    await workOff(ctx, refs, 1, 'completed')
    await createWork(ctx, { source: 'github', sourceId: 'acme/other#1', repo: 'acme/other', spec: SPEC })
    await settleDown(ctx)
    expect(await housekeep(ctx)).toMatchObject({ swept: 1 })
    const worker = ctx.runtime.started.at(-1)?.name
    expect(swept).toEqual([{ workers: [worker], caches: ['acme/app', 'acme/app#clean-room', 'acme/other', 'acme/other#clean-room'] }])
    ctx.clock.advance(100 * DAY)
    await housekeep(ctx)
    expect(swept.at(-1)).toMatchObject({ caches: ['acme/other', 'acme/other#clean-room'] })
  })
})

describeWith(['postgres'], 'housekeeping that is killed', () => {
  async function endState(world: TestContext, refs: Refs): Promise<unknown> {
    const { sql } = world.db
    for (let pass = 0; pass < 2; pass++) {
      world.clock.advance(2 * 3600)
      await housekeep(world)
    }
    for (const one of await replayed(sql)) expect(one.replayed).toEqual(one.row)
    return {
      items: await sql`select id, status, wip_ref is null as cleared, usage_kept, revision from work_items order by id`,
      runs: await sql`select item_id, kind, log_tail is null as cleared from runs order by id`,
      said: await sql`select run_id, count(*) as n from run_events group by 1 order by 1`,
      logs: await sql`select run_id from run_logs order by 1`,
      events: await sql`select item_id, type from work_events where item_id < 4 order by item_id, seq`,
      leftovers: await sql`select item_id, archived_at is null as open, refs_at is null as gone from leftovers order by 1`,
      refs: [...refs].map((ref) => ref.split('/').at(-2)),
    }
  }

  test('before and after each commit and each call of the forge: the next pass comes to the same end', async () => {
    await open()
    await workOff(ctx, refs, 1, 'completed')
    await workOff(ctx, refs, 2, 'completed')
    await workOff(ctx, refs, 3, 'failed')
    closePull(1, true)
    await age(ctx.db.sql, 95)
    await workOff(ctx, refs, 4, 'failed')
    await ctx.db.close()
    const copy = copies(ctx, refs)
    const within = async <T>(look: (world: TestContext, refs: Refs) => Promise<T>): Promise<T> => {
      const world = await copy()
      return look(world.ctx, world.refs).finally(() => world.ctx.db.drop())
    }
    let steps = 0
    const right = await within(async (world, left) => {
      const whole = killedAt(world, 0, 'before')
      await housekeep(whole.ctx)
      steps = whole.steps()
      return endState(world, left)
    })
    expect(right).toMatchObject({ refs: ['2', '4'], runs: [{ item_id: 2, kind: 'build' }, { item_id: 4, kind: 'build' }], leftovers: [{ item_id: 2 }, { item_id: 4 }] })
    expect(steps).toBeGreaterThan(15)
    // Nothing lies between the end of one step and the begin of the next: after each, and before the first, is all.
    for (let nth = 0; nth <= steps; nth++) {
      const [step, when] = nth === 0 ? ([1, 'before'] as const) : ([nth, 'after'] as const)
      await within(async (world, left) => {
        await expect(housekeep(killedAt(world, step, when).ctx), `step ${step}`).rejects.toThrow(Killed)
        expect(await endState(world, left), `killed ${when} step ${step} of ${steps}`).toEqual(right)
      })
    }
    await ctx.db.drop()
  }, 300_000)
})
