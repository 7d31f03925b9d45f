import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { createMemoryLocks } from '../adapters/memory-locks.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { acquireLocks, type Locker } from './acquire.ts'
import { keepLocks, rebuildLocks } from './rebuild.ts'
import { releaseLocks } from './release.ts'
import { releaseRunLocks } from './release-run.ts'

const REPO = 'owner/name'
let ctx: TestContext
const paths = async () => (await ctx.locks.list(REPO)).map((lock) => `${lock.path} ${lock.runId}`).sort()
const mirrored = () => ctx.db.sql<{ path: string }[]>`select path from file_locks order by path`

async function liveRun(): Promise<Locker> {
  const itemId = await seedItem(ctx.db.sql, { status: 'in_progress' })
  return { repo: REPO, itemId, runId: await seedRun(ctx.db.sql, itemId) }
}

describeWith(['postgres'], 'locks that the table lost', () => {
  beforeEach(async () => {
    ctx = await testContext()
  })
  afterEach(() => ctx.db.drop())

  test('are restored from the mirror at once, those of live runs alone', async () => {
    const [one, two, gone] = [await liveRun(), await liveRun(), await liveRun()]
    await acquireLocks(ctx, one, ['a.ts', 'b.ts'])
    await acquireLocks(ctx, two, ['c.ts'])
    await acquireLocks(ctx, gone, ['d.ts'])
    await ctx.db.sql`update runs set status = 'lost' where id = ${gone.runId}`
    ctx.locks = createMemoryLocks(ctx.clock)
    expect(await rebuildLocks(ctx)).toBe(3)
    expect(await paths()).toEqual([`a.ts ${one.runId}`, `b.ts ${one.runId}`, `c.ts ${two.runId}`])
    expect(await rebuildLocks(ctx)).toBeNull()
  })

  test('a table that all share is the leader’s to restore, one’s own table is everybody’s', async () => {
    ctx.leader = { ...ctx.leader, epoch: () => null }
    ctx.locks = { ...ctx.locks, kind: 'redis' }
    await keepLocks(ctx)
    expect(await ctx.locks.isWhole()).toBe(false)
    ctx.locks = { ...ctx.locks, kind: 'memory' }
    await keepLocks(ctx)
    expect(await ctx.locks.isWhole()).toBe(true)
  })

  test('a lock given back while the table is restored does not come back', async () => {
    const run = await liveRun()
    await acquireLocks(ctx, run, ['a.ts'])
    const real = createMemoryLocks(ctx.clock)
    const [restoring, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    ctx.locks = {
      ...real,
      restore: async (locks) => {
        restoring.resolve()
        await goOn.promise
        await real.restore(locks)
      },
    }
    const rebuild = rebuildLocks(ctx)
    await restoring.promise
    const release = releaseLocks(ctx, run, ['a.ts'])
    // it waits for the row that the rebuild has read
    const waiting = async () => (await ctx.db.sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0
    while (!(await waiting()));
    goOn.resolve()
    expect(await rebuild).toBe(1)
    expect(await release).toBe(1)
    expect(await paths()).toEqual([])
    expect(await mirrored()).toHaveLength(0)
  })

  test('a table that does not answer: nothing is given back by halves', async () => {
    const run = await liveRun()
    await acquireLocks(ctx, run, ['a.ts'])
    const { release } = ctx.locks
    ctx.locks.release = () => Promise.reject(new Error('no Redis'))
    await expect(releaseLocks(ctx, run, ['a.ts'])).rejects.toThrow('no Redis')
    expect(await mirrored()).toHaveLength(1)
    ctx.locks.release = release
    expect(await releaseLocks(ctx, run, ['a.ts'])).toBe(1)
  })

  test('a lock that the table has and the mirror has not goes with the cleaning up after its run', async () => {
    const [run, other] = [await liveRun(), await liveRun()]
    await ctx.locks.acquire(REPO, ['stray.ts'], run, 3600)
    await ctx.locks.acquire(REPO, ['theirs.ts'], other, 3600)
    await releaseRunLocks(ctx, run, { strays: true })
    expect(await paths()).toEqual([`theirs.ts ${other.runId}`])
  })

  test('a run that has ended is given nothing, in the table and in the mirror', async () => {
    const run = await liveRun()
    await ctx.db.sql`update runs set status = 'failed' where id = ${run.runId}`
    await expect(acquireLocks(ctx, run, ['a.ts'])).rejects.toMatchObject({ code: 'stale_token' })
    expect(await paths()).toEqual([])
    expect(await mirrored()).toHaveLength(0)
  })

  test('two orchestrators, each with a table in its own memory: the mirror has the last word', async () => {
    const [one, two] = [await liveRun(), await liveRun()]
    const other = { ...ctx, locks: createMemoryLocks(ctx.clock) }
    const answers = await Promise.all([acquireLocks(ctx, one, ['a.ts', 'b.ts']), acquireLocks(other, two, ['b.ts', 'a.ts'])])
    expect(answers.filter((answer) => answer.granted)).toHaveLength(1)
    expect(new Set((await ctx.db.sql<{ run_id: number }[]>`select run_id from file_locks`).map((row) => row.run_id)).size).toBe(1)
  })
})
