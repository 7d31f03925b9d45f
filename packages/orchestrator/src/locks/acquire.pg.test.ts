import { afterAll, beforeAll, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { heartbeat } from '../workers/heartbeat.ts'
import { killWorker } from '../workers/kill.ts'
import { acquireLocks } from './acquire.ts'
import { releaseLocks } from './release.ts'

// Each of these was found by `bun run simulate`.
describeWith(['postgres'], 'taking locks', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await testContext()
  })
  afterAll(() => ctx.db.drop())

  async function locker(repo: string, status = 'running') {
    const itemId = await seedItem(ctx.db.sql, { repo })
    return { repo, itemId, runId: await seedRun(ctx.db.sql, itemId, { status }) }
  }
  const mirrored = async (repo: string) => (await ctx.db.sql<{ path: string; run_id: number }[]>`select path, run_id from file_locks where repo = ${repo}`).map((row) => `${row.path} ${row.run_id}`)

  test('a run that ended since it asked gets none, and leaves none', async () => {
    const ended = await locker('a/ended', 'lost')
    expect(acquireLocks(ctx, ended, ['a.ts'])).rejects.toMatchObject({ code: 'stale_token' })
    await acquireLocks(ctx, ended, ['a.ts']).catch(() => null)
    expect(await mirrored('a/ended')).toEqual([])
    expect(await ctx.locks.list('a/ended')).toEqual([])
    expect(await ctx.db.sql`select 1 from work_events where run_id = ${ended.runId} and type like 'lock.%'`).toHaveLength(0)
  })

  test('what a run that ended left in the table keeps no file closed', async () => {
    const [gone, next] = [await locker('a/left', 'lost'), await locker('a/left')]
    await ctx.locks.acquire('a/left', ['a.ts'], gone, 3600)
    expect(await acquireLocks(ctx, next, ['a.ts'])).toEqual({ granted: true, conflicts: [] })
    expect(await mirrored('a/left')).toEqual([`a.ts ${next.runId}`])
  })

  test('a live run keeps its locks whatever a clock that was set anew says of their time', async () => {
    const [one, two] = [await locker('a/late'), await locker('a/late')]
    await acquireLocks(ctx, one, ['a.ts', 'b.ts'])
    await ctx.locks.release('a/late', ['a.ts', 'b.ts'], one)
    await ctx.db.sql`update file_locks set expires_at = now() - interval '1 hour' where repo = 'a/late'`
    expect(await acquireLocks(ctx, two, ['b.ts', 'c.ts'])).toMatchObject({ granted: false, conflicts: [{ path: 'b.ts', runId: one.runId }] })
    expect(await mirrored('a/late')).toEqual([`a.ts ${one.runId}`, `b.ts ${one.runId}`])
    expect(await ctx.locks.list('a/late')).toEqual([])
  })

  // Each of these takes rows of the item and of the run; in two orders they would wait for each other (found in an audit).
  test('locks, heartbeats and a kill of one run at once never wait for each other', async () => {
    const run = await locker('a/busy')
    await ctx.db.sql`update work_items set current_run_id = ${run.runId}, status = 'in_progress' where id = ${run.itemId}`
    const [row] = await ctx.db.sql<{ token: number }[]>`select token from runs where id = ${run.runId}`
    const ref = { id: run.runId, itemId: run.itemId, token: row?.token ?? 0 }
    for (let round = 0; round < 40; round++) {
      const at = round.toString(16).padStart(40, '0')
      await Promise.all([
        acquireLocks(ctx, run, [`${round}.ts`]),
        heartbeat(ctx, ref, { events: [], headSha: at, baseSha: at }),
        killWorker(ctx, run.runId, 'a person'),
        releaseLocks(ctx, run, [`${round - 1}.ts`]),
      ])
    }
    expect(await mirrored('a/busy')).toContain(`39.ts ${run.runId}`)
  }, 60_000)
})
