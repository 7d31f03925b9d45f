import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createClient, type Client } from '../../packages/orchestrator/src/client.ts'
import { startForge, type Forge } from '@factory/rehearsal'
import { describeWith } from '@factory/rehearsal/testing'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../packages/cli/src/stack/ports.ts'
import { startStack, type Stack } from '../../packages/cli/src/stack/start.ts'
import { waitFor } from './factory.ts'
import { ownPostgres, ownRedis } from './own-stores.ts'

const LONG = 180_000
/** A request is answered within this, whatever hangs: the probe's limit, its pause, and a slow machine. */
const ANSWERED_MS = 10_000
const SERVICES = ['orchestrator', 'gateway', 'intake', 'dashboard'] as const

let dir: string
let forge: Forge
let stack: Stack
let client: Client
let postgres: Awaited<ReturnType<typeof ownPostgres>>
let redis: Awaited<ReturnType<typeof ownRedis>>
const restarted: string[] = []

const ask = (service: keyof Stack['urls'], path: string) => fetch(`${stack.urls[service]}${path}`, { signal: AbortSignal.timeout(ANSWERED_MS) })
const waitingFor = async (): Promise<unknown> => {
  const answer: unknown = await (await ask('orchestrator', '/ready')).json()
  return typeof answer === 'object' && answer !== null && 'waitingFor' in answer ? answer.waitingFor : answer
}
const statusOf = async (service: keyof Stack['urls']) => (await ask(service, '/ready')).status
const createWork = () => client.call('createWork', { body: { source: 'api', sourceId: crypto.randomUUID(), repo: 'acme/shop', spec: '# T\n\n- [ ] do it\n' } })

async function allHealthy() {
  for (const service of SERVICES) expect((await ask(service, '/health')).status, service).toBe(200)
}

/** Waits until work is taken again and every service says that it is ready; tells how long the first took. */
async function untilBack(what: string): Promise<void> {
  const began = performance.now()
  await waitFor(async () => (await createWork()).created, () => `work to be taken again after: ${what}`)
  console.log(`${what}: work was taken ${Math.round(performance.now() - began)} ms after the return`)
  await waitFor(async () => (await Promise.all((['orchestrator', 'gateway', 'intake'] as const).map(statusOf))).every((status) => status === 200), () => 'every service to be ready')
}

describeWith(['docker', 'postgres', 'redis'], 'stores that go away', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'factory-away-'))
    forge = await startForge({ dataDir: join(dir, 'forge'), tokens: [{ token: 'bot-token', login: 'bot' }] })
    await forge.createRepo({ name: 'acme/shop', from: { 'README.md': '# shop\n' } })
    redis = await ownRedis()
    postgres = await ownPostgres({ started: false })
    const [orchestrator, dashboard, gateway, intake] = [await freePort(), await freePort(), await freePort(), await freePort()]
    stack = await startStack({
      dataDir: join(dir, 'data'),
      cwd: dir,
      ports: { orchestrator, dashboard, gateway, intake },
      env: {
        PATH: process.env['PATH'] ?? '',
        FACTORY_TOKEN: 'a-token-of-this-test-alone',
        GITHUB_TOKEN: 'bot-token',
        GITHUB_URL: forge.url,
        GITHUB_API_URL: forge.apiUrl,
        REPOS: 'acme/shop',
        POLL_INTERVAL: '3600000',
        ANTHROPIC_API_KEY: 'no-key',
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        WORKER_RUNTIME: 'process',
        CLAUDE_BIN: process.execPath,
        // nothing is started: this is about the services
        DAILY_BUDGET: '0',
        LEADER_SECONDS: '2',
        LOG_LEVEL: 'warn',
      },
      onRestart: (name, code) => restarted.push(`${name} (${code})`),
    })
    client = createClient({ baseUrl: stack.urls.orchestrator, token: stack.token, timeoutMs: ANSWERED_MS })
  }, LONG)
  afterAll(async () => {
    await stack.stop()
    await Promise.all([postgres.remove(), redis.remove(), forge.stop()])
    rmSync(dir, { recursive: true, force: true })
  }, LONG)

  test('a database that is away at the start is waited for in the open, then migrated', async () => {
    await allHealthy()
    expect(await waitingFor()).toEqual(['database', 'leader'])
    await expect(createWork()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('waiting for the database') })
    for (const service of ['gateway', 'intake'] as const) {
      const answer = await ask(service, '/ready')
      expect(answer.status, service).toBe(503)
      expect(await answer.text(), service).toContain('waiting for the database')
    }
    await postgres.start()
    await untilBack('PostgreSQL came up')
  }, LONG)

  describe.each([
    { what: 'PostgreSQL was killed', store: () => postgres, down: 'kill', up: 'start', part: 'database' },
    { what: 'PostgreSQL hung', store: () => postgres, down: 'freeze', up: 'thaw', part: 'database' },
    { what: 'Redis was killed', store: () => redis, down: 'kill', up: 'start', part: 'locks' },
    { what: 'Redis hung', store: () => redis, down: 'freeze', up: 'thaw', part: 'locks' },
  ] as const)('$what', ({ what, store, down, up, part }) => {
    test('the services stay up, say so, and go on by themselves', async () => {
      const before = SERVICES.map((service) => stack.pid(service))
      const { item } = await createWork()
      await store()[down]()
      // asked while nobody knows yet: bounded all the same
      const first = await createWork().then(() => 'taken', (error: unknown) => error)
      await waitFor(async () => JSON.stringify(await waitingFor()).includes(part), () => `/ready to name ${part}`)
      await allHealthy()
      if (part === 'database') {
        // by the orchestrator's own word, not by the end of our patience
        expect(first).toMatchObject({ code: 'unavailable', message: expect.stringContaining('database') })
        const began = performance.now()
        await expect(client.call('status', {})).rejects.toMatchObject({ code: 'unavailable' })
        // known by now: said at once
        expect(performance.now() - began).toBeLessThan(2000)
        expect(await statusOf('gateway')).toBe(503)
        expect(await statusOf('intake')).toBe(503)
      } else {
        expect(first).toBe('taken')
        expect((await client.call('status', {})).parts.find((one) => one.name === 'locks')).toMatchObject({ ok: false })
        expect([await statusOf('gateway'), await statusOf('intake')]).toEqual([200, 200])
      }
      await store()[up]()
      await untilBack(what)
      expect((await client.call('getWork', { params: { id: item.id } })).item.status).toBe('queued')
      expect(SERVICES.map((service) => stack.pid(service))).toEqual(before)
      expect(restarted).toEqual([])
    }, LONG)
  })
})
