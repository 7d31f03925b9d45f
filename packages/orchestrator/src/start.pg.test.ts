import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { acquireLocks } from './locks/acquire.ts'
import { startLoop } from './scheduler/loop.ts'
import { StartError } from './ports/worker-runtime.ts'
import { BASE, HEAD, liveRun, passed, settleDown, SPEC } from './testing/drive.ts'
import { seedItem, seedRun } from './testing/seed.ts'
import { testContext, type TestContext } from './testing/test-context.ts'
import { createWork } from './work/create.ts'
import { getItem, getWork } from './work/read.ts'
import { completeRun } from './workers/end.ts'
import { heartbeat } from './workers/heartbeat.ts'
import { lockPaths } from './workers/lock.ts'
import { registerRun } from './workers/register.ts'

let ctx: TestContext
const FILES_SPEC = `${SPEC}\n## Likely files\n\n- \`src/greet.ts\`\n`
const ask = (over: Record<string, unknown> = {}) => createWork(ctx, { source: 'github', sourceId: 'acme/app#1', repo: 'acme/app', spec: SPEC, ...over })
const ref = (run: { id: number; itemId: number; token: number }) => ({ id: run.id, itemId: run.itemId, token: run.token })
const NOTHING = { events: [], learnings: [] }

describeWith(['postgres'], 'starting a worker', () => {
  beforeEach(async () => {
    ctx = await testContext({ RETRY_BACKOFF_SECONDS: '0', MAX_WORKERS: '1' })
  })
  afterEach(() => ctx.db.drop())

  test('the repository’s image and base are used, up to the pull request', async () => {
    ctx.forge.files.set('acme/app:.factory.yml', 'image: golang:1.25\nbase: develop\n')
    const { item } = await ask()
    await settleDown(ctx)
    expect(ctx.runtime.started[0]?.image).toBe('golang:1.25')
    const build = await liveRun(ctx)
    expect((await registerRun(ctx, ref(build), { versions: {} })).baseBranch).toBe('develop')
    await completeRun(ctx, ref(build), { ...NOTHING, headSha: HEAD, baseSha: BASE })
    await settleDown(ctx)
    const verify = await liveRun(ctx)
    await registerRun(ctx, ref(verify), { versions: {} })
    await completeRun(ctx, ref(verify), { ...NOTHING, report: passed })
    await settleDown(ctx)
    expect((await getItem(ctx, item.id)).status).toBe('completed')
    expect(ctx.forge.pulls[0]?.baseBranch).toBe('develop')
    // the clean room has a cache that no agent could write to
    expect(ctx.runtime.started.map((spec) => spec.cache)).toEqual(['acme/app', 'acme/app#clean-room'])
  })

  test('an image that cannot be used fails the item with its name, at once', async () => {
    ctx.runtime.start = () => Promise.reject(new StartError('image_unusable', 'there is no image nope:1', { permanent: true }))
    const { item } = await ask()
    await settleDown(ctx)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'failed', failure: { code: 'image_unusable', message: 'there is no image nope:1' } })
  })

  test('an engine that goes away between admission and start: the run waits and is started when it is back', async () => {
    const start = ctx.runtime.start
    let away = true
    ctx.runtime.start = (spec) => (away ? Promise.reject(new StartError('engine_unavailable', 'no answer', { permanent: false })) : start(spec))
    const { item } = await ask()
    await settleDown(ctx)
    const run = await liveRun(ctx)
    expect(run.status).toBe('starting')
    away = false
    await settleDown(ctx)
    expect(ctx.runtime.started.map((spec) => spec.runId)).toEqual([run.id])
    expect(await getItem(ctx, item.id)).toMatchObject({ losses: 0, attempts: 0 })
  })

  test('a start that fails otherwise is a loss and is tried again', async () => {
    const start = ctx.runtime.start
    let failures = 1
    ctx.runtime.start = (spec) => (failures-- > 0 ? Promise.reject(new StartError('start_failed', 'no space left', { permanent: false })) : start(spec))
    const { item } = await ask()
    await settleDown(ctx)
    const { item: after, runs } = await getWork(ctx, item.id)
    expect(after).toMatchObject({ status: 'in_progress', losses: 1, attempts: 0 })
    expect(runs[0]).toMatchObject({ status: 'lost', outcome: { code: 'start_failed', message: 'no space left' } })
  })

  test('files that the spec names are locked when the worker reports; somebody else’s lock ends the run before it cost anything', async () => {
    const { item } = await ask({ spec: FILES_SPEC })
    await settleDown(ctx)
    const run = await liveRun(ctx)
    // one that asked for the file in the middle of its work, after this run was admitted
    const other = await seedItem(ctx.db.sql, { repo: 'acme/app', status: 'in_progress' })
    await acquireLocks(ctx, { repo: 'acme/app', itemId: other, runId: await seedRun(ctx.db.sql, other) }, ['src/greet.ts'])
    await expect(registerRun(ctx, ref(run), { versions: {} })).rejects.toMatchObject({ code: 'stale_token' })
    await settleDown(ctx)
    expect(await getItem(ctx, item.id)).toMatchObject({ status: 'queued', attempts: 0, waiting: { code: 'file_conflict' } })
  })

  test('a lock table that is away when the worker reports: the mirror grants alone, the table hears of it when it is back', async () => {
    await ask({ spec: FILES_SPEC })
    await settleDown(ctx)
    const run = await liveRun(ctx)
    const acquire = ctx.locks.acquire
    ctx.locks.acquire = () => Promise.reject(new Error('no Redis'))
    expect((await registerRun(ctx, ref(run), { versions: {} })).run.id).toBe(run.id)
    // asked for by itself a lock waits for the table
    await expect(lockPaths(ctx, ref(run), ['src/other.ts'])).rejects.toThrow('no Redis')
    ctx.locks.acquire = acquire
    const itemId = await seedItem(ctx.db.sql, { repo: 'acme/app' })
    const other = await seedRun(ctx.db.sql, itemId)
    expect(await acquireLocks(ctx, { repo: 'acme/app', runId: other, itemId }, ['src/greet.ts'])).toMatchObject({ granted: false, conflicts: [{ runId: run.id }] })
    await heartbeat(ctx, ref(run), { events: [] })
    expect(await ctx.locks.list('acme/app')).toMatchObject([{ runId: run.id }])
  })

  test('locks that the table lost are taken again by the next heartbeat, and given back at the end', async () => {
    await ask({ spec: FILES_SPEC })
    await settleDown(ctx)
    const run = await liveRun(ctx)
    await registerRun(ctx, ref(run), { versions: {} })
    expect(await ctx.locks.list('acme/app')).toMatchObject([{ path: 'src/greet.ts', runId: run.id }])
    await ctx.locks.release('acme/app', ['src/greet.ts'], { runId: run.id, itemId: run.itemId })
    await heartbeat(ctx, ref(run), { events: [] })
    expect(await ctx.locks.list('acme/app')).toMatchObject([{ path: 'src/greet.ts', runId: run.id }])
    await completeRun(ctx, ref(run), { ...NOTHING, headSha: HEAD, baseSha: BASE })
    expect(await ctx.locks.list('acme/app')).toEqual([])
    expect(await ctx.db.sql`select 1 from file_locks`).toHaveLength(0)
  })

  test('locks of an ended run that could not be given back are given back once the table answers again', async () => {
    const { item } = await ask({ spec: FILES_SPEC })
    await settleDown(ctx)
    const run = await liveRun(ctx)
    await registerRun(ctx, ref(run), { versions: {} })
    const release = ctx.locks.release
    ctx.locks.release = () => Promise.reject(new Error('no Redis'))
    expect(await completeRun(ctx, ref(run), { ...NOTHING, headSha: HEAD, baseSha: BASE })).toEqual({ runStatus: 'succeeded', itemStatus: 'verifying' })
    await settleDown(ctx)
    expect(await ctx.locks.list('acme/app')).toHaveLength(1)
    ctx.locks.release = release
    await settleDown(ctx)
    expect(await ctx.locks.list('acme/app')).toEqual([])
    expect(await ctx.db.sql`select 1 from file_locks`).toHaveLength(0)
    expect((await getItem(ctx, item.id)).status).toBe('verifying')
  })

  test('the loop outlives a database that does not answer, and works on when it is back', async () => {
    const { item } = await ask()
    const real = ctx.db.sql
    let failed = 0
    // every statement fails while `down` is true
    let down = true
    ctx.db.sql = new Proxy(real, {
      apply(target, self, args: never) {
        if (!down) return Reflect.apply(target, self, args)
        failed++
        throw new Error('the database does not answer')
      },
    })
    const loop = startLoop(ctx, 5)
    try {
      while (failed < 3) await new Promise((resolve) => setImmediate(resolve))
      down = false
      while (ctx.runtime.started.length === 0) await new Promise((resolve) => setImmediate(resolve))
      expect(ctx.runtime.started[0]?.itemId).toBe(item.id)
    } finally {
      ctx.db.sql = real
      await loop.stop()
    }
  })
})
