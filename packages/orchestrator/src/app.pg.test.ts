import { api, ErrorBody, type EndpointName, type FactoryMetrics } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createApp } from './app.ts'
import { backupRoutes } from './backup/routes.ts'
import { createClient, type Client } from './client.ts'
import type { Context } from './context.ts'
import { readMessages } from './events/sse.fixture.ts'
import { startFeed, type Feed } from './events/feed.ts'
import { learningHandlers } from './learnings/routes.ts'
import { createMetrics, type Metrics } from './metrics/prometheus.ts'
import { budgetHandlers } from './budget/routes.ts'
import { metricsHandlers } from './metrics/routes.ts'
import { checkReadiness } from './status/readiness.ts'
import { statusHandlers } from './status/routes.ts'
import { seedItem, seedRun, testLog } from './testing/seed.ts'
import { testContext, type TestContext } from './testing/test-context.ts'
import { workHandlers } from './work/routes.ts'
import { workerHandlers } from './workers/routes.ts'

const TOKEN = 'a-token-of-sixteen-or-more'
const DAY = 86_400_000

describeWith(['postgres'], 'the app', () => {
  let ctx: TestContext
  let feed: Feed
  let metrics: Metrics
  let app: ReturnType<typeof createApp<Context>>
  let client: Client
  beforeEach(async () => {
    ctx = await testContext({ MAX_WORKERS: '2', DAILY_BUDGET: '10', COOLDOWN_SECONDS: '60' })
    const { log } = testLog()
    feed = await startFeed({ db: ctx.db, bus: ctx.bus, log, pollMs: 20 })
    metrics = createMetrics(ctx)
    app = createApp<Context>({
      ctx,
      handlers: { ...workHandlers, ...workerHandlers, ...learningHandlers, ...metricsHandlers, ...budgetHandlers, ...statusHandlers({ version: '1.2.3', startedAt: ctx.clock.now() }) },
      auth: { personToken: TOKEN, authenticateRun: async () => null },
      log,
      version: '1.2.3',
      stream: { db: ctx.db, feed, log },
      metrics,
      readiness: () => checkReadiness(ctx, { limitMs: 100 }),
      backup: backupRoutes(ctx, '1.2.3'),
      checkAnswers: true,
    })
    client = createClient({ baseUrl: 'http://factory', token: TOKEN, fetch: async (request) => app.fetch(request) })
  })
  afterEach(async () => {
    await feed.stop()
    await ctx.db.drop()
  })

  const get = (path: string, authorization: string | null = `Bearer ${TOKEN}`) => app.request(path, { headers: authorization === null ? {} : { authorization } })
  const basic = (password: string) => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`

  test('only health and readiness are open', async () => {
    expect((await get('/health', null)).status).toBe(200)
    expect((await get('/ready', null)).status).toBe(200)
    for (const path of ['/metrics', '/openapi.json', '/docs', '/api/events', '/api/status', '/api/backup']) {
      expect((await get(path, null)).status, path).toBe(401)
      expect((await get(path, 'Bearer wrong')).status, path).toBe(401)
    }
  })

  test('a browser reads the pages with the token as its password; that opens nothing else', async () => {
    expect((await get('/docs', null)).headers.get('www-authenticate')).toContain('Basic')
    const page = await get('/docs', basic(TOKEN))
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8'])
    const html = await page.text()
    for (const name of Object.keys(api) as EndpointName[]) expect(html).toContain(`<details id="${name}">`)
    expect(html).not.toMatch(/<script|https?:\/\//)
    expect(html).toContain('<code>pauseReason</code></td><td>text or null</td>')
    expect(html.match(/.{60}any JSON/g) ?? []).toEqual([])
    expect((await get('/docs', basic('wrong'))).status).toBe(401)
    expect((await get('/api/status', basic(TOKEN))).status).toBe(401)
  })

  test('openapi.json has every endpoint, and every reference in it leads somewhere', async () => {
    const text = await (await get('/openapi.json')).text()
    const document: { openapi: string; paths: Record<string, Record<string, { operationId?: string; security: unknown }>>; components: { schemas: Record<string, unknown>; responses: Record<string, unknown> } } = JSON.parse(text)
    expect(document.openapi).toBe('3.1.0')
    for (const [name, endpoint] of Object.entries(api)) {
      expect(document.paths[endpoint.path]?.[endpoint.method]).toMatchObject({ operationId: name, security: [{ [endpoint.audience]: [] }] })
    }
    const references = new Set([...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)].map((match) => `${match[1]}/${match[2]}`))
    expect(references.size).toBeGreaterThan(5)
    for (const reference of references) {
      const [kind, name] = reference.split('/')
      expect(Object.keys(kind === 'schemas' ? document.components.schemas : document.components.responses), reference).toContain(name ?? '')
    }
    expect(text).not.toContain('#/$defs')
  })

  test('readiness names what it waits for, and a part that hangs is not waited for', async () => {
    ctx.runtime.ping = () => Promise.reject(new Error('no engine'))
    ctx.locks = { ...ctx.locks, ping: () => new Promise(() => {}) }
    ctx.leader = { ...ctx.leader, epoch: () => null, holder: () => 'another' }
    const answer = await get('/ready', null)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ ready: false, waitingFor: ['locks', 'runtime'], parts: [{ name: 'database', ok: true }, { detail: 'no answer within 100 ms' }, { name: 'events', ok: true }, { detail: 'no engine' }, { name: 'leader', ok: true, detail: 'another leads; this orchestrator follows' }] })
  })

  test('status tells workers, queue, budget and what is waited for', async () => {
    const { sql } = ctx.db
    await seedItem(sql, { priority: 'high' })
    await seedItem(sql, { status: 'completed' })
    await seedRun(sql, await seedItem(sql, { status: 'in_progress' }), { granted: 6, iterations: 2 })
    const day = ctx.clock.now().toISOString().slice(0, 10)
    await sql`insert into budget_days (day, iterations, cost_usd) values (${day}, 3, 1.25)`
    const status = await client.call('status', {})
    expect(status).toMatchObject({
      workers: { active: 1, allowed: 2 },
      queue: { total: 1, byPriority: { critical: 0, high: 1 } },
      items: { queued: 1, completed: 1, in_progress: 1, failed: 0 },
      budget: { day, iterations: 3, reserved: 4, limit: 10, costUsd: 1.25 },
      waiting: null,
      version: '1.2.3',
    })
    await sql`update budget_days set iterations = 6`
    expect((await client.call('status', {})).waiting).toMatchObject({ code: 'daily_budget', until: new Date(Date.parse(day) + DAY).toISOString() })
    const until = new Date(ctx.clock.now().getTime() + 60_000)
    await sql`update accounts set state = 'paused', paused_until = ${until}, reason = 'five hours are used up'`
    expect(await client.call('status', {})).toMatchObject({ pausedUntil: until.toISOString(), pauseReason: 'five hours are used up', waiting: { code: 'usage_limit' } })
  })

  test('the queue stands in the order of admission and each item says what it waits for', async () => {
    const { sql } = ctx.db
    const at = ctx.clock.now().getTime()
    const busy = await seedItem(sql, { repo: 'a/busy', status: 'in_progress', files: ['x.ts'] })
    await seedRun(sql, busy)
    const ago = (minutes: number) => new Date(at - minutes * 60_000)
    const low = await seedItem(sql, { repo: 'a/other', priority: 'low', queuedAt: ago(1) })
    const second = await seedItem(sql, { repo: 'a/busy', queuedAt: ago(9) })
    const first = await seedItem(sql, { repo: 'a/other', queuedAt: ago(2) })
    const blocked = await seedItem(sql, { repo: 'a/busy', priority: 'critical', files: ['x.ts'] })
    const later = await seedItem(sql, { priority: 'critical', notBefore: new Date(at + 60_000) })
    const built = await seedItem(sql, { repo: 'a/busy', priority: 'low', status: 'verifying' })
    const { items } = await client.call('queue', {})
    expect(items.map((item) => [item.id, item.waiting?.code ?? null])).toEqual([
      [built, null],
      [first, 'worker_slot'],
      [second, 'worker_slot'],
      [low, 'worker_slot'],
      // behind all that could run; a repository without a live run before one that has one
      [later, 'retry_backoff'],
      [blocked, 'file_conflict'],
    ])
    expect((await client.call('queue', { query: { limit: 2 } })).items.map((item) => item.id)).toEqual([built, first])
    await sql`update factory_state set last_spawn_at = ${new Date(at - 1000)}`
    const waiting = (await client.call('queue', {})).items.map((item) => item.waiting?.code ?? null)
    expect(waiting.slice(0, 2)).toEqual([null, 'cooldown'])
    // one item by itself says the same as the queue
    const single = async (itemId: number) => (await client.call('getWork', { params: { id: itemId } })).item.waiting
    expect([await single(built), (await single(first))?.code, (await single(later))?.code, (await single(blocked))?.code]).toEqual([null, 'cooldown', 'retry_backoff', 'file_conflict'])
    expect(await single(busy)).toBeNull()
  })

  test('metrics count days, results and reasons', async () => {
    const { sql } = ctx.db
    const now = ctx.clock.now().getTime()
    const end = async (status: string, daysAgo: number) => {
      const id = await seedItem(sql, { status: status === 'completed' ? 'completed' : 'failed' })
      const at = new Date(now - daysAgo * DAY)
      await sql`update work_items set created_at = ${new Date(at.getTime() - 100_000)}, completed_at = ${status === 'completed' ? at : null} where id = ${id}`
      await sql`insert into work_events (at, type, item_id, data) values (${at}, 'work.status', ${id}, ${sql.json({ from: 'x', to: status })})`
      if (status === 'failed') await seedRun(sql, id, { status: 'failed', finishedAt: at, outcome: { code: 'setup_failed', message: 'x' } })
    }
    for (const [status, daysAgo] of [['completed', 0], ['completed', 1], ['failed', 1], ['cancelled', 0], ['completed', 30]] as const) await end(status, daysAgo)
    await sql`insert into budget_days (day, iterations, cost_usd) values (${new Date(now - DAY).toISOString().slice(0, 10)}, 7, 2.5)`
    const answer: FactoryMetrics = await client.call('metrics', { query: { days: 3 } })
    expect(answer).toMatchObject({ days: 3, completed: 2, failed: 1, cancelled: 1, iterations: 7, costUsd: 2.5, secondsToPull: { p50: 100, p95: 100 }, failures: [{ code: 'setup_failed', count: 1 }] })
    expect(answer.successRate).toBeCloseTo(2 / 3)
    expect(answer.byDay.map((day) => [day.completed, day.failed, day.iterations])).toEqual([[0, 0, 0], [1, 1, 7], [1, 0, 0]])
    const empty = await client.call('metrics', { query: { days: 1 } })
    expect(empty.byDay).toHaveLength(1)
  })

  test('Prometheus gets what the database and this process say', async () => {
    await seedItem(ctx.db.sql, { priority: 'high', queuedAt: new Date(Date.now() - 90_000) })
    await seedRun(ctx.db.sql, await seedItem(ctx.db.sql, { status: 'in_progress' }))
    metrics.admission('cooldown')
    metrics.heartbeat()
    metrics.runFinished({ kind: 'build', status: 'succeeded', seconds: 20 })
    await get('/api/work/77')
    const text = await (await get('/metrics')).text()
    for (const line of [
      'factory_work_items{status="queued"} 1',
      'factory_queue_depth{priority="high"} 1',
      'factory_live_runs{kind="build"} 1',
      'factory_admissions_total{outcome="cooldown"} 1',
      'factory_heartbeats_total 1',
      'factory_run_seconds_bucket{le="60",kind="build",status="succeeded"} 1',
      'factory_http_requests_total{method="GET",route="/api/work/{id}",status="404"} 1',
    ]) {
      expect(text).toContain(line)
    }
    expect(Number(/^factory_queue_oldest_seconds (\S+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(90)
  })

  test('events stream through the app; a wrong id is a 400 that names it', async () => {
    const wrong = await get('/api/events?lastEventId=nonsense')
    expect([wrong.status, ErrorBody.parse(await wrong.json()).error.details[0]?.path]).toEqual([400, 'Last-Event-ID'])
    const stream = readMessages(await get('/api/events'))
    await stream.comment()
    const { item } = await client.call('createWork', { body: { repo: 'acme/app', description: 'Say hello' } })
    const [created] = await stream.take(1)
    expect(created).toMatchObject({ event: 'work.created' })
    expect(JSON.parse(created?.data ?? '{}')).toMatchObject({ itemId: item.id, type: 'work.created' })
    await stream.close()
  })

  test('the store being away is 503 with its code', async () => {
    await ctx.db.close()
    const answer = await get('/api/work')
    expect([answer.status, ErrorBody.parse(await answer.json()).error.code]).toEqual([503, 'unavailable'])
  })
})
