import { PRIORITIES } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { array, asyncProperty, assert, boolean, constantFrom, integer, option, record, subarray, type Arbitrary } from 'fast-check'
import { testDatabase, type TestDatabase } from '../db/testing.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { choose, type Choice, type Limits } from './order.ts'
import { readSituation } from './situation.ts'

const HOUR = 3_600_000
const REPOS = ['a/a', 'b/b', 'c/c']
const FILES = ['x.ts', 'y.ts', 'z.ts']

type Item = { repo: string; status: 'drafting' | 'queued' | 'verifying'; priority: string; ageHours: number; tie: boolean; due: 'none' | 'past' | 'future'; files: string[] }
type Run = { repo: string; kind: 'spec' | 'build' | 'verify'; granted: number; iterations: number; files: string[] }
type World = {
  items: Item[]
  runs: Run[]
  locks: { repo: string; path: string; live: boolean }[]
  served: { repo: string; minutesAgo: number }[]
  spawnSecondsAgo: number | null
  pausedMinutes: number | null
  used: number
  limits: Limits
}

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
  locks: array(record({ repo: constantFrom(...REPOS), path: constantFrom(...FILES), live: boolean() }), { maxLength: 3 }),
  served: array(record({ repo: constantFrom(...REPOS), minutesAgo: integer({ min: 1, max: 500 }) }), { maxLength: 3 }),
  spawnSecondsAgo: option(integer({ min: 10, max: 200 })),
  pausedMinutes: option(integer({ min: -60, max: 60 }).filter((minutes) => Math.abs(minutes) > 1), { freq: 6 }),
  used: integer({ min: 0, max: 40 }),
  limits: record({ maxWorkers: integer({ min: 1, max: 6 }), dailyIterations: integer({ min: 5, max: 50 }), cooldownSeconds: constantFrom(0, 0, 100), ageHours: constantFrom(6) }),
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
    await sql`truncate repositories, work_items, runs, work_events, file_locks, budget_days cascade`
    for (const [index, each] of given.items.entries()) {
      // Half an hour off the steps of ageing, so that the time between two clock readings decides nothing.
      const queuedAt = new Date(now - each.ageHours * HOUR - HOUR / 2 - (each.tie ? 0 : index * 1000))
      const notBefore = each.due === 'none' ? null : new Date(now + (each.due === 'past' ? -60_000 : 60_000))
      await seedItem(sql, { repo: each.repo, status: each.status, priority: each.priority, queuedAt, notBefore, files: each.files })
    }
    for (const run of given.runs) {
      const of = await seedItem(sql, { repo: run.repo, status: run.kind === 'build' ? 'in_progress' : run.kind === 'spec' ? 'drafting' : 'verifying', files: run.files })
      await seedRun(sql, of, run)
      if (run.kind === 'build' && run.files[0]) await lock(of, run.repo, run.files[0], true)
    }
    const anyRun = await seedItem(sql, { repo: 'd/d', status: 'completed' })
    for (const each of given.locks) await lock(anyRun, each.repo, each.path, each.live)
    for (const each of given.served) await sql`update repositories set last_admitted_at = ${new Date(now - each.minutesAgo * 60_000)} where name = ${each.repo}`
    await sql`insert into budget_days (day, iterations) values (${new Date(now).toISOString().slice(0, 10)}, ${given.used})`
    await sql`update factory_state set
      last_spawn_at = ${given.spawnSecondsAgo === null ? null : new Date(now - given.spawnSecondsAgo * 1000)},
      paused_until = ${given.pausedMinutes === null ? null : new Date(now + given.pausedMinutes * 60_000)}`
  }

  async function lock(itemId: number, repo: string, path: string, live: boolean): Promise<void> {
    const run = await seedRun(db.sql, itemId, { kind: 'spec', status: 'failed' })
    await db.sql`insert into file_locks (repo, path, run_id, expires_at) values (${repo}, ${path}, ${run}, ${new Date(Date.now() + (live ? 60_000 : -60_000))}) on conflict do nothing`
  }

  function readable(choice: Choice): { outcome: string; item: number | null; until: number | null } {
    return choice.outcome === 'admitted' ? { outcome: choice.outcome, item: choice.item.id, until: null } : { outcome: choice.outcome, item: null, until: choice.until }
  }

  test('chooses what the database chooses, until nothing more can be admitted', async () => {
    await assert(
      asyncProperty(world, async (given) => {
        await build(given)
        const { limits } = given
        const config = { MAX_WORKERS: limits.maxWorkers, DAILY_BUDGET: limits.dailyIterations, COOLDOWN_SECONDS: limits.cooldownSeconds }
        for (;;) {
          const expected = readable(choose(await readSituation({ db, clock: { now: () => new Date() }, config }, 1000), limits))
          const [row] = await db.sql<{ outcome: string; item_id: number | null; until: Date | null }[]>`
            select * from admit(${limits.maxWorkers}, ${limits.dailyIterations}, ${limits.cooldownSeconds}, 5, 120)`
          expect({ outcome: row?.outcome, item: row?.item_id, until: row?.until?.getTime() ?? null }).toEqual(expected)
          if (expected.outcome !== 'admitted') return
        }
      }),
      { numRuns: 150 },
    )
  }, 120_000)

  test('a built item behind many older ones of its class goes first', async () => {
    await build({ items: [], runs: [], locks: [], served: [], spawnSecondsAgo: null, pausedMinutes: null, used: 0, limits: { maxWorkers: 1, dailyIterations: 100, cooldownSeconds: 0, ageHours: 6 } })
    for (let n = 0; n < 8; n++) await seedItem(db.sql, { repo: 'a/a', queuedAt: new Date(Date.now() - 60_000) })
    const built = await seedItem(db.sql, { repo: 'a/a', status: 'verifying' })
    expect(await db.sql`select item_id from admit(1, 100, 0, 5, 120)`).toMatchObject([{ item_id: built }])
  })

  test('four workers at once never overshoot a limit of two', async () => {
    await build({ items: [], runs: [], locks: [], served: [], spawnSecondsAgo: null, pausedMinutes: null, used: 0, limits: { maxWorkers: 2, dailyIterations: 100, cooldownSeconds: 0, ageHours: 6 } })
    for (let n = 0; n < 8; n++) await seedItem(db.sql, { repo: 'a/a' })
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => db.sql<{ outcome: string }[]>`select outcome from admit(2, 100, 0, 5, 120)`))
    expect(outcomes.flat().filter((row) => row.outcome === 'admitted')).toHaveLength(2)
  })
})
