import { PRIORITIES } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { array, asyncProperty, assert, boolean, constantFrom, integer, option, record, subarray, type Arbitrary } from 'fast-check'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { choose, type Choice, type Limits, type Situation } from './order.ts'
import { callAdmit } from '../scheduler/store.ts'
import { readSituation } from './situation.ts'

const LIMITS: Limits = { maxWorkers: 1, maxWorkersPerRepo: 0, dailyIterations: 100, cooldownSeconds: 0, ageHours: 6 }
const HOUR = 3_600_000
const REPOS = ['a/a', 'b/b', 'c/c']
const FILES = ['x.ts', 'y.ts', 'z.ts']

type Item = { repo: string; status: 'drafting' | 'queued' | 'verifying'; priority: string; ageHours: number; tie: boolean; due: 'none' | 'past' | 'future'; files: string[] }
type Run = { repo: string; kind: 'spec' | 'build' | 'verify'; granted: number; iterations: number; files: string[] }
type World = {
  items: Item[]
  runs: Run[]
  /** Of a live run; of one whose time is over; of one that has ended, which nobody gave back yet. */
  locks: { repo: string; path: string; held: 'live' | 'expired' | 'ended' }[]
  served: { repo: string; minutesAgo: number }[]
  spawnSecondsAgo: number | null
  pausedMinutes: number | null
  /** A run that tries the account: none, one under way, one that ended without a word. */
  canary: 'none' | 'live' | 'gone'
  used: number
  limits: Limits
}

const EMPTY: World = { items: [], runs: [], locks: [], served: [], spawnSecondsAgo: null, pausedMinutes: null, canary: 'none', used: 0, limits: { maxWorkers: 1, maxWorkersPerRepo: 0, dailyIterations: 100, cooldownSeconds: 0, ageHours: 6 } }

const item: Arbitrary<Item> = record({
  repo: constantFrom(...REPOS),
  status: constantFrom<Item['status']>('drafting', 'queued', 'queued', 'verifying'),
  priority: constantFrom(...PRIORITIES),
  ageHours: integer({ min: 0, max: 30 }),
  tie: boolean(),
  due: constantFrom<Item['due']>('none', 'none', 'past', 'future'),
  files: subarray(FILES),
})
const world: Arbitrary<World> = record({
  items: array(item, { maxLength: 25 }),
  runs: array(record({ repo: constantFrom(...REPOS), kind: constantFrom<Run['kind']>('spec', 'build', 'verify'), granted: integer({ min: 0, max: 10 }), iterations: integer({ min: 0, max: 12 }), files: subarray(FILES) }), { maxLength: 4 }),
  locks: array(record({ repo: constantFrom(...REPOS), path: constantFrom(...FILES), held: constantFrom<World['locks'][number]['held']>('live', 'live', 'expired', 'ended') }), { maxLength: 3 }),
  served: array(record({ repo: constantFrom(...REPOS), minutesAgo: integer({ min: 1, max: 500 }) }), { maxLength: 3 }),
  spawnSecondsAgo: option(integer({ min: 10, max: 200 })),
  pausedMinutes: option(integer({ min: -60, max: 60 }).filter((minutes) => Math.abs(minutes) > 1), { freq: 6 }),
  canary: constantFrom<World['canary']>('none', 'none', 'none', 'live', 'gone'),
  used: integer({ min: 0, max: 40 }),
  limits: record({ maxWorkers: integer({ min: 1, max: 6 }), maxWorkersPerRepo: constantFrom(0, 0, 1, 2), dailyIterations: integer({ min: 5, max: 50 }), cooldownSeconds: constantFrom(0, 0, 100), ageHours: constantFrom(6) }),
})

describeWith(['postgres'], 'the pure model of admission', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await testDatabase()
  })
  afterAll(() => db.drop())

  async function build(given: World): Promise<void> {
    const now = Date.now()
    const { sql } = db
    await sql`truncate repositories, work_items, runs, work_events, file_locks, budget_days, blockers cascade`
    await sql`delete from accounts`
    await sql`insert into accounts (name) values ('default')`
    for (const [index, each] of given.items.entries()) {
      // Half an hour off the steps of ageing, so that the time between two clock readings decides nothing.
      const queuedAt = new Date(now - each.ageHours * HOUR - HOUR / 2 - (each.tie ? 0 : index * 1000))
      const notBefore = each.due === 'none' ? null : new Date(now + (each.due === 'past' ? -60_000 : 60_000))
      await seedItem(sql, { repo: each.repo, status: each.status, priority: each.priority, queuedAt, notBefore, files: each.files })
    }
    for (const run of given.runs) {
      const of = await seedItem(sql, { repo: run.repo, status: run.kind === 'build' ? 'in_progress' : run.kind === 'spec' ? 'drafting' : 'verifying', files: run.files })
      await seedRun(sql, of, run)
      if (run.kind === 'build' && run.files[0]) await lock(of, run.repo, run.files[0], 'ended')
    }
    for (const each of given.locks) await lock(await seedItem(sql, { repo: 'd/d', status: 'verifying' }), each.repo, each.path, each.held)
    for (const each of given.served) await sql`update repositories set last_admitted_at = ${new Date(now - each.minutesAgo * 60_000)} where name = ${each.repo}`
    await sql`insert into budget_days (day, iterations) values (${new Date(now).toISOString().slice(0, 10)}, ${given.used})`
    await sql`update factory_state set
      last_spawn_at = ${given.spawnSecondsAgo === null ? null : new Date(now - given.spawnSecondsAgo * 1000)}`
    await setAccount(given, now)
  }

  async function setAccount(given: World, now: number): Promise<void> {
    const { sql } = db
    const paused = given.pausedMinutes === null ? null : new Date(now + given.pausedMinutes * 60_000)
    const canary = given.canary === 'none' ? null : await seedRun(sql, await seedItem(sql, { repo: 'd/d', status: 'completed' }), { kind: 'spec', status: given.canary === 'live' ? 'running' : 'lost', granted: 0 })
    // by allowed moves, as the database wants it
    if (canary !== null || paused !== null) await sql`update accounts set state = 'paused', paused_until = ${paused ?? new Date(now)}`
    if (canary !== null) await sql`update accounts set state = 'probing', paused_until = null, canary_run_id = ${canary}`
  }

  async function lock(itemId: number, repo: string, path: string, held: 'live' | 'expired' | 'ended'): Promise<void> {
    const run = await seedRun(db.sql, itemId, { kind: 'verify', status: held === 'ended' ? 'failed' : 'running', granted: 0 })
    if (held !== 'ended') await db.sql`update work_items set current_run_id = ${run} where id = ${itemId}`
    await db.sql`insert into file_locks (repo, path, run_id, expires_at) values (${repo}, ${path}, ${run}, ${new Date(Date.now() + (held === 'expired' ? -60_000 : 60_000))}) on conflict do nothing`
  }

  const admit = (limits: Limits, atMost: number) => callAdmit(db.sql, null, { ...limits, maxIterations: 5, leaseSeconds: 120 }, atMost)

  function readable(choice: Choice): { outcome: string; item: number | null; until: number | null } {
    return choice.outcome === 'admitted' ? { outcome: choice.outcome, item: choice.item.id, until: null } : { outcome: choice.outcome, item: null, until: choice.until }
  }

  test('chooses what the database chooses, until nothing more can be admitted', async () => {
    await assert(
      asyncProperty(world, async (given) => {
        await build(given)
        const { limits } = given
        const config = { MAX_WORKERS: limits.maxWorkers, MAX_WORKERS_PER_REPO: limits.maxWorkersPerRepo, DAILY_BUDGET: limits.dailyIterations, COOLDOWN_SECONDS: limits.cooldownSeconds }
        for (;;) {
          const seen = await readSituation({ db, clock: { now: () => new Date() }, config }, 1000)
          expect(seen.limits).toEqual(limits)
          const expected = readable(choose(seen.situation, limits))
          const [row] = await admit(limits, 1)
          expect({ outcome: row?.outcome, item: row?.itemId, until: row?.until?.getTime() ?? null }).toEqual(expected)
          if (expected.outcome !== 'admitted') return
        }
      }),
      { numRuns: 150 },
    )
  }, 120_000)

  /** What one call that may admit many chooses by the model: one after another, at one moment. */
  function chooseMany(given: World, before: Situation, limits: Limits, atMost: number): { items: number[]; outcome: string | null } {
    const situation = { ...before, items: [...before.items], runs: [...before.runs], lastAdmittedAt: new Map(before.lastAdmittedAt) }
    const items: number[] = []
    while (items.length < atMost) {
      const choice = choose(situation, limits)
      if (choice.outcome !== 'admitted') return { items, outcome: choice.outcome }
      const { item } = choice
      const left = limits.dailyIterations - situation.iterationsToday - situation.runs.reduce((sum, run) => sum + run.reserved, 0)
      const kind = ({ drafting: 'spec', queued: 'build', verifying: 'verify' } as const)[item.status]
      items.push(item.id)
      situation.items.splice(situation.items.indexOf(item), 1)
      situation.runs.push({ repo: item.repo, kind, files: item.files, reserved: Math.min({ spec: 3, build: 5, verify: 0 }[kind], left) })
      situation.lastAdmittedAt.set(item.repo, situation.now)
      if (kind === 'verify') continue
      situation.lastSpawnAt = situation.now
      // an account that met its limit is tried by one run
      if (given.canary !== 'none' || given.pausedMinutes !== null) situation.account = { pausedUntil: null, canaryLive: true }
    }
    return { items, outcome: null }
  }

  test('many in one call are those that one after another would be', async () => {
    await assert(
      asyncProperty(world, integer({ min: 2, max: 8 }), async (given, atMost) => {
        await build(given)
        const { limits } = given
        const config = { MAX_WORKERS: limits.maxWorkers, MAX_WORKERS_PER_REPO: limits.maxWorkersPerRepo, DAILY_BUDGET: limits.dailyIterations, COOLDOWN_SECONDS: limits.cooldownSeconds }
        const seen = await readSituation({ db, clock: { now: () => new Date() }, config }, 1000)
        const rows = await admit(limits, atMost)
        expect({ items: rows.flatMap(({ itemId }) => itemId ?? []), outcome: rows.find(({ runId }) => runId === null)?.outcome ?? null }).toEqual(chooseMany(given, seen.situation, limits, atMost))
      }),
      { numRuns: 60 },
    )
  }, 120_000)

  test('in one call a repository that was just served is behind one that was not', async () => {
    await build({ ...EMPTY, runs: [{ repo: 'b/b', kind: 'spec', granted: 0, iterations: 0, files: [] }] })
    const [first, second] = [await seedItem(db.sql, { repo: 'a/a', queuedAt: new Date(Date.now() - 120_000) }), await seedItem(db.sql, { repo: 'a/a', queuedAt: new Date(Date.now() - 90_000) })]
    const other = await seedItem(db.sql, { repo: 'b/b', queuedAt: new Date(Date.now() - 60_000) })
    expect((await admit({ ...LIMITS, maxWorkers: 5 }, 3)).map(({ itemId }) => itemId)).toEqual([first, other, second])
    expect(await db.sql`select from repositories where last_admitted_at is null and name in ('a/a', 'b/b')`).toHaveLength(0)
  })

  test('in one call an item does not inherit the age of the one before it', async () => {
    await build(EMPTY)
    const [old, fresh] = [await seedItem(db.sql, { repo: 'a/a', priority: 'low', queuedAt: new Date(Date.now() - 48 * HOUR) }), await seedItem(db.sql, { repo: 'a/a', priority: 'low' })]
    const other = await seedItem(db.sql, { repo: 'b/b', priority: 'medium' })
    expect((await admit({ ...LIMITS, maxWorkers: 5 }, 3)).map(({ itemId }) => itemId)).toEqual([old, other, fresh])
  })

  test('a built item behind many older ones of its class goes first', async () => {
    await build(EMPTY)
    for (let n = 0; n < 8; n++) await seedItem(db.sql, { repo: 'a/a', queuedAt: new Date(Date.now() - 60_000) })
    const built = await seedItem(db.sql, { repo: 'a/a', status: 'verifying' })
    expect(await admit(LIMITS, 1)).toMatchObject([{ itemId: built }])
  })

  test('eight callers at once never overshoot a limit of two', async () => {
    await build({ items: [], runs: [], locks: [], served: [], spawnSecondsAgo: null, pausedMinutes: null, canary: 'none', used: 0, limits: { maxWorkers: 2, maxWorkersPerRepo: 0, dailyIterations: 100, cooldownSeconds: 0, ageHours: 6 } })
    for (let n = 0; n < 8; n++) await seedItem(db.sql, { repo: 'a/a' })
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => admit({ ...LIMITS, maxWorkers: 2 }, 3)))
    expect(outcomes.flat().filter((row) => row.outcome === 'admitted')).toHaveLength(2)
  })
})
