import { describeWith } from '@factory/rehearsal/testing'
import { ErrorBody, RestoreReport } from '@factory/shared'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Hono } from 'hono'
import { answerError } from '../http/answer-error.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { fill } from './backup.fixture.ts'
import { backupRoutes } from './routes.ts'

let source: TestContext
let target: TestContext
let servers: ReturnType<typeof Bun.serve>[]

function serve(ctx: TestContext): string {
  const app = new Hono()
  app.onError((error) => answerError(error, { id: 'r', log: ctx.log, route: 'r' }))
  app.route('/api', backupRoutes(ctx, '1.2.3'))
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER, fetch: app.fetch })
  servers.push(server)
  return `http://127.0.0.1:${server.port}/api`
}

/** Rows that do not pack well: the file is larger than any limit on bodies of other calls. */
const manyEvents = (ctx: TestContext, count: number) =>
  ctx.db.sql`insert into work_events (type, item_id, data) select 'decision', 1, jsonb_build_object('n', n, 'text', gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text) from generate_series(1, ${count}::int) n`

describeWith(['postgres'], 'backup and restore over HTTP', () => {
  beforeEach(async () => {
    servers = []
    source = await testContext()
    target = await testContext()
    await fill(source.db.sql)
  })
  afterEach(async () => {
    for (const server of servers) await server.stop(true)
    await source.db.drop()
    await target.db.drop()
  })

  test('a file larger than any other body goes both ways', async () => {
    await manyEvents(source, 150_000)
    const answer = await fetch(`${serve(source)}/backup`)
    expect(answer.headers.get('content-disposition')).toContain('factory-backup-')
    const file = await answer.bytes()
    expect(file.length).toBeGreaterThan(8 * 1024 * 1024)
    const restored = await fetch(`${serve(target)}/restore`, { method: 'POST', body: file })
    expect(RestoreReport.parse(await restored.json()).rows['work_events']).toBe(150_300)
    expect(await target.db.sql`select count(*) as n from work_events where data->>'n' = '150000'`).toMatchObject([{ n: 1 }])
  }, 60_000)

  test('a store that goes away in the middle breaks the file off, and the service goes on', async () => {
    await manyEvents(source, 100_000)
    const url = serve(source)
    const answer = await fetch(`${url}/backup`)
    const reader = answer.body?.getReader()
    await reader?.read()
    await target.db.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${new URL(source.db.url).pathname.slice(1)}`
    let broke = false
    for (;;) {
      const part = await reader?.read().catch(() => null)
      broke = part === null
      if (!part || part.done) break
    }
    expect(broke).toBe(true)
    expect((await fetch(`${url}/backup`)).status).toBe(200)
  }, 60_000)

  test('a sender who goes away in the middle leaves nothing', async () => {
    const file = await (await fetch(`${serve(source)}/backup`)).bytes()
    const url = serve(target)
    const gone = new AbortController()
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(file.subarray(0, file.length / 2))
        gone.abort()
      },
    })
    await expect(fetch(`${url}/restore`, { method: 'POST', body, signal: gone.signal })).rejects.toThrow()
    expect(await target.db.sql`select count(*) as n from work_items`).toMatchObject([{ n: 0 }])
    expect((await fetch(`${url}/restore`, { method: 'POST', body: file })).status).toBe(200)
  })

  test('refusals have the shape of every error', async () => {
    const url = serve(source)
    const file = await (await fetch(`${url}/backup`)).bytes()
    const taken = await fetch(`${url}/restore`, { method: 'POST', body: file })
    expect([taken.status, ErrorBody.parse(await taken.json()).error.code]).toEqual([409, 'conflict'])
    const bad = await fetch(`${serve(target)}/restore`, { method: 'POST', body: file.subarray(0, 100) })
    expect([bad.status, ErrorBody.parse(await bad.json()).error.code]).toEqual([422, 'unprocessable'])
    const none = await fetch(`${serve(target)}/restore`, { method: 'POST' })
    expect([400, 422]).toContain(none.status)
  })
})
