import { api, ErrorBody, FactoryError } from '@factory/shared'
import { describe, expect, test } from 'bun:test'
import { testLog } from '../testing/seed.ts'
import type { Handlers } from './handlers.ts'
import { endpointNames, mount, OPERATIONS, type Served } from './mount.ts'

const PERSON = 'a-token-of-sixteen-or-more'
type Seen = { name: string; input: unknown; caller: unknown }

/** The API over handlers that say what reached them. */
function serve(answers: Partial<Record<string, () => unknown>> = {}) {
  const seen: Seen[] = []
  const served: Served[] = []
  const { log, lines } = testLog()
  const handlers = Object.fromEntries(
    endpointNames().map((name) => [
      name,
      async (_ctx: unknown, input: unknown, caller: unknown) => {
        seen.push({ name, input, caller })
        return answers[name]?.() ?? {}
      },
    ]),
  ) as unknown as Handlers<null>
  const app = mount<null>({
    ctx: null,
    handlers,
    log,
    auth: { personToken: PERSON, authenticateRun: async (token) => (token === 'frt_7' ? { runId: 7, itemId: 3, token: 9 } : null) },
    onServed: (one) => served.push(one),
  })
  const call = async (method: string, path: string, options: { token?: string | null; body?: unknown; raw?: BodyInit; headers?: Record<string, string> } = {}) => {
    const { token = PERSON } = options
    const response = await app.request(path, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...options.headers },
      ...(options.raw !== undefined ? { body: options.raw } : options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, error: response.ok ? null : ErrorBody.parse(JSON.parse(text)).error }
  }
  return { call, seen, served, lines }
}

describe('who may call', () => {
  test('every endpoint of the table refuses no token, a made-up one, and one of the wrong kind', async () => {
    const { call, seen } = serve()
    for (const name of endpointNames()) {
      const { method, path, audience } = api[name]
      const url = path.replace('{id}', '7')
      expect((await call(method, url, { token: null })).error?.code, `${name} without a token`).toBe('unauthorized')
      expect((await call(method, url, { token: `${PERSON}x` })).error?.code, `${name} with a made-up token`).toBe('unauthorized')
      expect((await call(method, url, { token: audience === 'run' ? PERSON : 'frt_7' })).error?.code, `${name} with the wrong kind`).toBe('forbidden')
    }
    expect(seen).toEqual([])
  })

  test('a run speaks for itself only', async () => {
    const { call, seen } = serve()
    expect((await call('POST', '/worker/8/heartbeat', { token: 'frt_7', body: {} })).status).toBe(403)
    expect((await call('POST', '/worker/07/heartbeat', { token: 'frt_7', body: {} })).status).toBe(403)
    expect((await call('POST', '/worker/7/heartbeat', { token: 'frt_7', body: {} })).status).toBe(200)
    expect((await call('POST', '/worker/register', { token: 'frt_7', body: {} })).status).toBe(200)
    expect(seen.map((one) => one.caller)).toEqual([{ kind: 'run', runId: 7, itemId: 3, token: 9 }, { kind: 'run', runId: 7, itemId: 3, token: 9 }])
  })
})

describe('bad input', () => {
  const cases: [what: string, body: unknown, details: { path: string; problem?: string }[]][] = [
    ['an unknown field of the short form', { repo: 'o/n', description: 'x', prio: 'high', more: 1 }, [{ path: 'prio', problem: 'unknown field' }, { path: 'more', problem: 'unknown field' }]],
    ['an unknown field of the long form', { source: 'api', sourceId: '1', repo: 'o/n', spec: 'x', sourceID: '2' }, [{ path: 'sourceID', problem: 'unknown field' }]],
    ['a field that is missing', { source: 'api', repo: 'o/n', spec: 'x' }, [{ path: 'sourceId' }]],
    ['a wrong value', { repo: 'o/n', description: 'x', priority: 'urgent' }, [{ path: 'priority' }]],
    ['a nested unknown field', { repo: 'o/n', description: 'x', author: { login: 'a', association: 'OWNER', admin: true } }, [{ path: 'author.admin', problem: 'unknown field' }]],
    ['a spec that is too long', { source: 'api', sourceId: '1', repo: 'o/n', spec: 'x'.repeat(262_145) }, [{ path: 'spec' }]],
    ['no object', [1], [{ path: '(body)' }]],
    ['null', null, [{ path: '(body)' }]],
    ['nothing', undefined, [{ path: 'repo' }, { path: 'description' }]],
  ]
  for (const [what, body, details] of cases) {
    test(`${what} is 400 and named`, async () => {
      const { call, seen } = serve()
      const { status, error } = await call('POST', '/api/work', { body })
      expect(status).toBe(400)
      expect(error?.code).toBe('bad_request')
      expect(error?.details).toMatchObject(details)
      expect(error?.details).toHaveLength(details.length)
      expect(seen).toEqual([])
    })
  }

  test('what is not JSON is 400', async () => {
    const { error } = await serve().call('POST', '/api/work', { raw: '{"repo":' })
    expect(error).toMatchObject({ code: 'bad_request', details: [{ path: '(body)', problem: 'is not JSON' }] })
  })

  test('an unknown or wrong query field is 400 and named', async () => {
    const { call } = serve()
    expect((await call('GET', '/api/work?limt=3')).error?.details).toEqual([{ path: 'limt', problem: 'unknown field' }])
    expect((await call('GET', '/api/work?limit=0')).error?.details).toMatchObject([{ path: 'limit' }])
    expect((await call('GET', '/api/work/99999999999')).error?.details).toMatchObject([{ path: 'id' }])
  })

  test('2 MiB are the most, 8 for a heartbeat, told before they are read', async () => {
    const { call } = serve()
    const big = (bytes: number) => new Blob(['x'.repeat(bytes)])
    expect((await call('POST', '/api/work', { raw: big(2_097_153) })).error?.code).toBe('too_large')
    expect((await call('POST', '/worker/7/heartbeat', { token: 'frt_7', raw: big(2_097_153) })).error?.code).toBe('bad_request')
    expect((await call('POST', '/worker/7/heartbeat', { token: 'frt_7', raw: big(8_388_609) })).error?.code).toBe('too_large')
    // no length announced: counted while it comes
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) })
    expect((await call('POST', '/api/work', { raw: endless })).error?.code).toBe('too_large')
  })

  test('what the store cannot take is replaced, not refused', async () => {
    const { call, seen } = serve()
    await call('POST', '/api/work', { raw: '{"repo":"o/n","description":"a\\u0000b\\ud800c \\ud83d\\ude00"}' })
    expect(seen[0]?.input).toMatchObject({ body: { description: 'a\uFFFDb\uFFFDc \u{1F600}' } })
  })
})

describe('answers', () => {
  test('createWork is 201 when it made the item and 200 when it was there', async () => {
    let created = true
    const { call } = serve({ createWork: () => ({ created }) })
    const body = { repo: 'o/n', description: 'x' }
    expect((await call('POST', '/api/work', { body })).status).toBe(201)
    created = false
    expect((await call('POST', '/api/work', { body })).status).toBe(200)
  })

  test('an empty body means the defaults', async () => {
    const { call, seen } = serve()
    expect((await call('POST', '/api/work/1/cancel')).status).toBe(200)
    expect(seen[0]?.input).toEqual({ params: { id: 1 }, query: {}, body: { reason: 'asked for by a person' } })
  })

  test('an expected error keeps its code, a defect says nothing but its request id', async () => {
    const { call, lines } = serve({
      getWork: () => {
        throw new FactoryError('conflict', 'it is done', [{ path: 'status', problem: 'completed' }])
      },
      status: () => {
        throw new Error('password=hunter2')
      },
      queue: () => {
        throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
      },
    })
    const expected = await call('GET', '/api/work/1')
    expect([expected.status, expected.error]).toEqual([409, { code: 'conflict', message: 'it is done', details: [{ path: 'status', problem: 'completed' }] }])
    const defect = await call('GET', '/api/status', { headers: { 'x-request-id': 'mine-1' } })
    expect([defect.status, defect.error?.code, defect.headers.get('x-request-id')]).toEqual([500, 'internal', 'mine-1'])
    expect(defect.error?.message).toContain('mine-1')
    expect(defect.text).not.toMatch(/hunter2|at /)
    expect(lines.join()).toContain('hunter2')
    expect(lines.join()).toContain('mine-1')
    expect((await call('GET', '/api/queue')).status).toBe(503)
  })

  test('404 and 405 have the same shape; a bad request id is replaced', async () => {
    const { call } = serve()
    const missing = await call('GET', '/api/nothing', { headers: { 'x-request-id': 'a b' } })
    expect([missing.status, missing.error?.code]).toEqual([404, 'not_found'])
    expect(missing.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
    const wrong = await call('DELETE', '/api/work/1')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, PATCH'])
    for (const { path } of OPERATIONS) expect((await call('PUT', path)).status, path).toBe(405)
  })

  test('is measured by the route of the table, never by what the caller wrote', async () => {
    const { call, served } = serve()
    await call('GET', '/api/work/1')
    await call('GET', '/api/work/1', { token: null })
    await call('GET', `/wp-admin/${'x'.repeat(50)}`)
    expect(served.map(({ route, status }) => ({ route, status }))).toEqual([
      { route: '/api/work/{id}', status: 200 },
      { route: '/api/work/{id}', status: 401 },
      { route: '(no route)', status: 404 },
    ])
  })
})
