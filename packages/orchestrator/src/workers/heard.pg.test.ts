import { afterAll, beforeAll, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { acquireLocks } from '../locks/acquire.ts'
import { releaseRunLocks } from '../locks/release-run.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { endRun } from './finish.ts'
import { registerRun } from './register.ts'

// `bun run simulate` found both: a late call makes or registers a worker while somebody else ends its run.
describeWith(['postgres'], 'a run that was heard of since is not ended', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await testContext()
  })
  afterAll(() => ctx.db.drop())

  async function starting(files: string[] = []) {
    const itemId = await seedItem(ctx.db.sql, { status: 'in_progress', files })
    const id = await seedRun(ctx.db.sql, itemId, { status: 'starting' })
    const [row] = await ctx.db.sql<{ token: number }[]>`select token from runs where id = ${id}`
    return { id, itemId, token: row?.token ?? 0 }
  }
  const statusOf = async (id: number) => (await ctx.db.sql<{ status: string }[]>`select status from runs where id = ${id}`)[0]?.status

  test('by the reaper: its worker was seen dead, and an earlier leader’s start came after that', async () => {
    const run = await starting()
    const end = { runId: run.id, worker: 'w', as: 'lost', code: 'lease_expired', reason: 'no heartbeat' } as const
    const late = async () => {
      await registerRun(ctx, run, { versions: {} })
      return ''
    }
    await endRun({ ...ctx, runtime: { ...ctx.runtime, tail: late } }, end)
    expect(await statusOf(run.id)).toBe('running')
    // the next look stops that worker, too, and then nothing is heard any more
    await endRun(ctx, end)
    expect(await statusOf(run.id)).toBe('lost')
  })

  test('by a registration that was denied its files: a later one was given them', async () => {
    const holder = await starting()
    const held = { repo: 'owner/name', runId: holder.id, itemId: holder.itemId }
    await acquireLocks(ctx, held, ['a.ts'])
    // flushed, so that the mirror denies them and what the table gave is given back
    await ctx.locks.release(held.repo, ['a.ts'], held)
    const run = await starting(['a.ts'])
    const granted: string[] = []
    const locks: typeof ctx.locks = {
      ...ctx.locks,
      // the call hangs here; the holder ends, and the worker has asked once more
      async release(...asked) {
        const released = await ctx.locks.release(...asked)
        ctx.clock.advance(20)
        await releaseRunLocks(ctx, held)
        granted.push((await registerRun(ctx, run, { versions: {} })).run.kind)
        return released
      },
    }
    await expect(registerRun({ ...ctx, locks }, run, { versions: {} })).rejects.toMatchObject({ code: 'conflict' })
    expect(granted).toEqual(['build'])
    expect(await statusOf(run.id)).toBe('running')
  })
})
