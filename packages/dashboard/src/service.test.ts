import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ErrorBody } from '@factory/shared'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from './config.ts'
import { start } from './index.ts'
import { ensureBuilt } from './server/ensure-built.ts'
import { anEvent, startStubApi, type StubApi } from './testing/stub-api.ts'

let stub: StubApi
let dist: string
let page: Awaited<ReturnType<typeof start>>
const auth = { authorization: 'Bearer a-token-for-tests-only' }

beforeAll(async () => {
  dist = join(await mkdtemp(join(tmpdir(), 'dashboard-')), 'dist')
  stub = startStubApi()
  page = await start({ port: 0, host: '127.0.0.1', orchestratorUrl: stub.url }, { dist })
})
afterAll(async () => {
  await page.stop()
  await stub.stop()
  await rm(join(dist, '..'), { recursive: true, force: true })
})

describe('the page', () => {
  test('is served for every path of its router, with a policy that allows no inline script', async () => {
    for (const path of ['/', '/items/3']) {
      const answer = await fetch(page.url + path)
      const html = await answer.text()
      const policy = answer.headers.get('content-security-policy') ?? ''
      expect(answer.status).toBe(200)
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe')
      expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/)
      const nonce = /content="([0-9a-f-]{36})"/.exec(html)?.[1]
      expect(policy).toContain(`'nonce-${nonce}'`)
    }
  })

  test('has a fresh style nonce each time', async () => {
    const [a, b] = await Promise.all([fetch(page.url), fetch(page.url)])
    expect(a.headers.get('content-security-policy')).not.toBe(b.headers.get('content-security-policy'))
  })

  test('its script is packed, cached for good, and of the right type', async () => {
    const html = await (await fetch(page.url)).text()
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1]
    const answer = await fetch(page.url + script)
    expect(answer.headers.get('content-type')).toContain('javascript')
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(answer.headers.get('cache-control')).toContain('immutable')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('a missing file is a 404 and not the page', async () => {
    expect((await fetch(`${page.url}/assets/old-1234.js`)).status).toBe(404)
    expect((await fetch(`${page.url}/..%2f..%2fpackage.json`)).status).toBe(404)
  })

  test('/health', async () => {
    expect(await (await fetch(`${page.url}/health`)).json()).toEqual({ ok: true })
  })
})

describe('the way to the API', () => {
  test("passes the caller's token on and has none of its own", async () => {
    expect((await fetch(`${page.url}/api/status`)).status).toBe(401)
    expect((await fetch(`${page.url}/api/status`, { headers: auth })).status).toBe(200)
  })

  test('passes bodies and errors through', async () => {
    const answer = await fetch(`${page.url}/api/work/2/cancel`, { method: 'POST', headers: { ...auth, 'content-type': 'application/json' }, body: '{"reason":"not needed"}' })
    expect(answer.status).toBe(409)
    expect(ErrorBody.parse(await answer.json()).error.code).toBe('conflict')
    expect(stub.bodies.at(-1)).toEqual({ reason: 'not needed' })
  })

  test('only /api: the worker protocol is not reachable from here', async () => {
    const answer = await fetch(`${page.url}/worker/register`, { method: 'POST', body: '{}' })
    expect(answer.status).toBe(404)
    expect(stub.calls.some((call) => call.includes('/worker/'))).toBe(false)
  })

  test('streams events as they happen, from the place that Last-Event-ID names', async () => {
    const ending = new AbortController()
    const answer = await fetch(`${page.url}/api/events`, { headers: { ...auth, 'last-event-id': '41' }, signal: ending.signal })
    const reader = answer.body?.getReader()
    const decoder = new TextDecoder()
    let text = ''
    const until = async (part: string) => {
      while (!text.includes(part)) {
        const chunk = await reader?.read()
        if (!chunk || chunk.done) throw new Error(`the stream ended before ${part}`)
        text += decoder.decode(chunk.value)
      }
    }
    await until(': ping')
    expect(stub.streams.at(-1)).toBe('41')
    stub.emit(anEvent(Date.now(), { id: '42' }))
    await until('id: 42')
    ending.abort()
  })

  test('says in our own words when the orchestrator is away', async () => {
    const alone = await start({ port: 0, host: '127.0.0.1', orchestratorUrl: 'http://127.0.0.1:1' }, { dist })
    const answer = await fetch(`${alone.url}/api/status`, { headers: auth })
    expect(answer.status).toBe(503)
    expect(ErrorBody.parse(await answer.json()).error).toMatchObject({ code: 'unavailable', message: 'The orchestrator at http://127.0.0.1:1 does not answer. Is it running?' })
    await alone.stop()
  })
})

describe('the build', () => {
  test('is made again when it is of other sources, and only then', async () => {
    const record = join(dist, 'build.json')
    const made = Bun.file(record).lastModified
    await ensureBuilt(dist)
    expect(Bun.file(record).lastModified).toBe(made)
    await Bun.write(record, '{"hash":"of something else"}')
    await ensureBuilt(dist)
    expect(await Bun.file(record).json()).not.toEqual({ hash: 'of something else' })
  })

  test('splits what the first screen does not need', async () => {
    const scripts = new Bun.Glob('assets/*.js').scanSync({ cwd: dist })
    const html = await Bun.file(join(dist, 'index.html')).text()
    const later = [...scripts].filter((script) => !html.includes(script)).map((script) => script.replace(/-\w+\.js$/, ''))
    expect(later).toContain('assets/login')
    expect(later).toContain('assets/item')
    expect(later).toContain('assets/dialog')
  })
})

test('a wrong configuration names the variable', () => {
  expect(() => readConfig({ DASHBOARD_PORT: '99999', ORCHESTRATOR_URL: 'orchestrator' })).toThrow(/DASHBOARD_PORT[\s\S]*ORCHESTRATOR_URL/)
  expect(readConfig({})).toEqual({ port: 3001, host: '127.0.0.1', orchestratorUrl: 'http://127.0.0.1:3000' })
})
