import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { describeWith, need } from '@factory/rehearsal/testing'
import { createClient, type Client } from '../../packages/orchestrator/src/client.ts'
import { readConfig } from '../../packages/orchestrator/src/config.ts'
import { testDatabase, type TestDatabase } from '../../packages/orchestrator/src/db/testing.ts'
import { start, type Orchestrator } from '../../packages/orchestrator/src/index.ts'
import { StartError } from '../../packages/orchestrator/src/ports/worker-runtime.ts'
import { fakeForge } from '../../packages/orchestrator/src/testing/fake-forge.ts'
import { fakeRuntime, type FakeRuntime } from '../../packages/orchestrator/src/testing/fake-runtime.ts'
import { waitFor } from './factory.ts'
import { ownRedis } from './own-stores.ts'

const LONG = 60_000
const REPO = 'acme/app'
const spec = (file: string) => `# T\n\n## Tasks\n\n- [ ] do it\n\n## Likely files\n\n- \`${file}\`\n`

let db: TestDatabase
let redis: Awaited<ReturnType<typeof ownRedis>>
let orchestrator: Orchestrator
let runtime: FakeRuntime
let person: Client

const locked = async () => (await orchestrator.ctx.locks.list(REPO)).map((lock) => `${lock.path} ${lock.runId}`).sort()
const mirrored = async () => (await db.sql<{ path: string; run_id: number }[]>`select path, run_id from file_locks order by path`).map((lock) => `${lock.path} ${lock.run_id}`)

/** A build run of a spec that names this file, its worker started and nothing more; and its voice. */
async function startedRun(file: string): Promise<{ id: number; worker: Client }> {
  const before = runtime.started.length
  await person.call('createWork', { body: { source: 'api', sourceId: crypto.randomUUID(), repo: REPO, spec: spec(file) } })
  await waitFor(() => runtime.started.length > before, () => 'the worker to be started')
  const started = runtime.started.at(-1)
  return { id: started?.runId ?? 0, worker: createClient({ baseUrl: orchestrator.url, token: started?.runToken ?? '' }) }
}

describeWith(['postgres', 'redis'], 'a Redis that lost its locks, or is away', () => {
  beforeAll(async () => {
    db = await testDatabase()
    redis = await ownRedis()
    runtime = fakeRuntime()
    const config = readConfig({ GITHUB_TOKEN: 'none', FACTORY_TOKEN: 'a-token-of-this-test-alone', ORCHESTRATOR_PORT: '0', DATABASE_URL: db.url, REDIS_URL: redis.url, COOLDOWN_SECONDS: '0', MAX_WORKERS: '9', DAILY_BUDGET: '1000', LEADER_SECONDS: '4' })
    orchestrator = await start(config, { runtime, forge: fakeForge(), log: createLogger('test', 'silent') })
    person = createClient({ baseUrl: orchestrator.url, token: orchestrator.token })
    expect(need('redis')).not.toBe(redis.url)
  }, LONG)
  afterAll(async () => {
    await orchestrator.stop()
    await Promise.all([db.drop(), redis.remove()])
  }, LONG)

  test('flushed, and restarted empty: the locks of live runs are back without a heartbeat', async () => {
    const one = await startedRun('src/one.ts')
    await one.worker.call('register', { body: { versions: {} } })
    await one.worker.call('lock', { params: { id: one.id }, body: { paths: ['src/more.ts'] } })
    const held = [`src/more.ts ${one.id}`, `src/one.ts ${one.id}`]
    expect(await locked()).toEqual(held)
    const losses = { 'flushed': () => redis.flush(), 'restarted empty': () => redis.kill().then(() => redis.start()) }
    for (const [what, lose] of Object.entries(losses)) {
      await lose()
      const began = performance.now()
      await waitFor(async () => (await locked()).join() === held.join(), () => `the locks to be restored after Redis was ${what}`)
      console.log(`Redis ${what}: locks were restored within ${Math.round(performance.now() - began)} ms`)
    }
  }, LONG)

  test('an engine that is away at the start is waited for in the open', async () => {
    const engine = fakeRuntime()
    const away = new StartError('engine_unavailable', 'no engine', { permanent: false })
    Object.assign(engine, { fault: away, prepare: () => Promise.reject(away) })
    const store = await testDatabase()
    const config = readConfig({ GITHUB_TOKEN: 'none', FACTORY_TOKEN: 'a-token-of-this-test-alone', ORCHESTRATOR_PORT: '0', DATABASE_URL: store.url, COOLDOWN_SECONDS: '0' })
    const factory = await start(config, { runtime: engine, forge: fakeForge(), log: createLogger('test', 'silent') })
    try {
      const client = createClient({ baseUrl: factory.url, token: factory.token })
      expect(await (await fetch(`${factory.url}/ready`)).json()).toMatchObject({ ready: false, waitingFor: ['runtime'] })
      await client.call('createWork', { body: { source: 'api', sourceId: 'one', repo: REPO, spec: spec('a.ts') } })
      expect((await client.call('status', {})).waiting).toMatchObject({ code: 'engine_unavailable' })
      engine.fault = null
      await waitFor(() => engine.started.length === 1, () => 'the worker to be started once the engine is back')
      expect((await fetch(`${factory.url}/ready`)).status).toBe(200)
    } finally {
      await factory.stop()
      await store.drop()
    }
  }, LONG)

  test('without Redis a restarted orchestrator has every live run’s locks before it serves', async () => {
    const engine = fakeRuntime()
    const store = await testDatabase()
    const config = readConfig({ GITHUB_TOKEN: 'none', FACTORY_TOKEN: 'a-token-of-this-test-alone', ORCHESTRATOR_PORT: '0', DATABASE_URL: store.url, COOLDOWN_SECONDS: '0' })
    const begin = () => start(config, { runtime: engine, forge: fakeForge(), log: createLogger('test', 'silent') })
    let factory = await begin()
    try {
      const client = createClient({ baseUrl: factory.url, token: factory.token })
      await client.call('createWork', { body: { source: 'api', sourceId: 'one', repo: REPO, spec: spec('a.ts') } })
      await waitFor(() => engine.started.length === 1, () => 'the worker to be started')
      await createClient({ baseUrl: factory.url, token: engine.started[0]?.runToken ?? '' }).call('register', { body: { versions: {} } })
      const held = await factory.ctx.locks.list(REPO)
      expect(held).toMatchObject([{ path: 'a.ts', runId: engine.started[0]?.runId ?? 0 }])
      await factory.stop()
      factory = await begin()
      expect(await factory.ctx.locks.list(REPO)).toMatchObject([{ path: 'a.ts', runId: engine.started[0]?.runId ?? 0 }])
    } finally {
      await factory.stop()
      await store.drop()
    }
  }, LONG)

  test('away: heartbeats and registering go on, a lock is to be asked for again, and the mirror keeps its word', async () => {
    const waiting = await startedRun('src/two.ts')
    const before = await locked()
    await redis.kill()
    await waiting.worker.call('register', { body: { versions: {} } })
    expect((await waiting.worker.call('heartbeat', { params: { id: waiting.id }, body: { events: [] } })).command).toBe('continue')
    await expect(waiting.worker.call('lock', { params: { id: waiting.id }, body: { paths: ['src/other.ts'] } })).rejects.toMatchObject({ code: 'unavailable' })
    expect(await mirrored()).toContain(`src/two.ts ${waiting.id}`)
    expect((await person.call('status', {})).parts.filter((part) => !part.ok).map((part) => part.name)).toEqual(['locks', 'events'])
    await redis.start()
    await waitFor(async () => (await locked()).join() === [...before, `src/two.ts ${waiting.id}`].sort().join(), () => 'the locks to be restored, the new one with them')
    expect((await waiting.worker.call('lock', { params: { id: waiting.id }, body: { paths: ['src/other.ts'] } })).granted).toBe(true)
  }, LONG)
})
