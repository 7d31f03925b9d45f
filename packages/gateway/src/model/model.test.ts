import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { describeWith, need } from '@factory/rehearsal/testing'
import { defineScript, parseScript, runClaude, startModel, type Model } from '@factory/rehearsal'
import { grantFor } from '../testing/index.ts'
import { MODEL_KEY, RUN_TOKEN, startBench, type Bench } from '../testing/gateway.ts'

type Seen = { method: string; path: string; headers: Record<string, string>; size: number }
let seen: Seen[] = []
let aborted: PromiseWithResolvers<void>
let arrived: PromiseWithResolvers<void>
/** Events of an answer leave one by one when the test says so. */
let gates: PromiseWithResolvers<void>[] = []
let upstream: ReturnType<typeof Bun.serve>
let bench: Bench

beforeAll(async () => {
  upstream = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const record: Seen = { method: request.method, path: pathname, headers: Object.fromEntries(request.headers), size: 0 }
      seen.push(record)
      record.size = (await request.arrayBuffer()).byteLength
      if (request.headers.get('x-test') === 'hang') {
        arrived.resolve()
        await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()))
        aborted.resolve()
      }
      if (pathname !== '/v1/messages') return new Response(request.method === 'HEAD' ? null : '{}')
      request.signal.addEventListener('abort', () => aborted.resolve())
      const parts = gates.map((gate, index) => ({ gate, text: `event: part\ndata: ${index}\n\n` }))
      const body = new ReadableStream({
        async start(controller) {
          // Bun sends the headers with the first bytes.
          controller.enqueue(new TextEncoder().encode(': open\n\n'))
          for (const { gate, text } of parts) {
            await gate.promise
            controller.enqueue(new TextEncoder().encode(text))
          }
          controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream', 'set-cookie': 'a=b', 'request-id': 'req_1' } })
    },
  })
  bench = await startBench({ ANTHROPIC_BASE_URL: upstream.url.origin })
})
afterAll(async () => {
  await bench.stop()
  await upstream.stop(true)
})

const gatesOf = (count: number) => {
  gates = Array.from({ length: count }, () => Promise.withResolvers<void>())
  aborted = Promise.withResolvers<void>()
  arrived = Promise.withResolvers<void>()
  seen = []
}
const ask = (headers: Record<string, string> = { 'x-api-key': RUN_TOKEN }, init: RequestInit = {}) =>
  fetch(`${bench.gateway.url}/model/v1/messages`, { method: 'POST', body: '{"model":"m"}', ...init, headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers } })

describe('the model through the gateway', () => {
  test('exchanges the run\'s token for the real key and strips every other credential', async () => {
    gatesOf(0)
    const response = await ask({ 'x-api-key': RUN_TOKEN, cookie: 'session=1', 'x-forwarded-for': '1.2.3.4', 'proxy-authorization': 'Basic eA==' })
    expect(response.status).toBe(200)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(response.headers.get('request-id')).toBe('req_1')
    const headers = seen[0]?.headers ?? {}
    expect(headers).toMatchObject({ 'x-api-key': MODEL_KEY, 'anthropic-version': '2023-06-01' })
    expect(JSON.stringify(headers)).not.toContain(RUN_TOKEN)
    for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'proxy-authorization']) expect(headers[name]).toBeUndefined()
  })

  test('takes the token as a bearer, and uses a subscription\'s token with its beta header', async () => {
    const other = await startBench({ ANTHROPIC_BASE_URL: upstream.url.origin, ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'oat-made-up' })
    try {
      gatesOf(0)
      const send = (headers: Record<string, string>) => fetch(`${other.gateway.url}/model/v1/messages?beta=true`, { method: 'POST', body: '{}', headers: { authorization: `Bearer ${RUN_TOKEN}`, ...headers } })
      await send({ 'anthropic-beta': 'tools-1, oauth-2025-04-20' })
      await send({})
      await send({ 'x-api-key': RUN_TOKEN, authorization: '' })
      expect(seen.map(({ headers }) => [headers['authorization'], headers['anthropic-beta'], headers['x-api-key']])).toEqual([
        ['Bearer oat-made-up', 'tools-1,oauth-2025-04-20', undefined],
        ['Bearer oat-made-up', 'oauth-2025-04-20', undefined],
        ['Bearer oat-made-up', 'oauth-2025-04-20', undefined],
      ])
    } finally {
      await other.stop()
    }
  })

  test('passes each event on as it comes', async () => {
    gatesOf(3)
    const response = await ask()
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toBe(': open\n\n')
    // The next event is let go only after the one before has arrived: a buffer would hang here.
    for (const [index, gate] of gates.entries()) {
      gate.resolve()
      expect((await reader?.read())?.value).toContain(`data: ${index}`)
    }
    expect((await reader?.read())?.done).toBe(true)
  })

  test('a client that goes away aborts the upstream request', async () => {
    gatesOf(2)
    const abort = new AbortController()
    const response = await ask(undefined, { signal: abort.signal })
    await response.body?.getReader().read()
    abort.abort()
    await aborted.promise
  })

  test('a client that goes away before the first byte does so too', async () => {
    gatesOf(0)
    const abort = new AbortController()
    const asking = ask({ 'x-api-key': RUN_TOKEN, 'x-test': 'hang' }, { signal: abort.signal }).catch(() => 'gone')
    await arrived.promise
    abort.abort()
    expect(await asking).toBe('gone')
    await aborted.promise
  })

  test('serves what the CLI needs and nothing else', async () => {
    gatesOf(0)
    const status = async (method: string, path: string) => (await fetch(`${bench.gateway.url}/model${path}`, { method, headers: { 'x-api-key': RUN_TOKEN } })).status
    expect(await status('HEAD', '/')).toBe(200)
    expect(await status('GET', '/v1/models')).toBe(200)
    expect(await status('GET', '/v1/models/claude-sonnet-4-5')).toBe(200)
    expect(await status('POST', '/v1/messages/count_tokens')).toBe(200)
    seen = []
    for (const [method, path] of [['GET', '/v1/files'], ['POST', '/v1/messages/batches'], ['GET', '/v1/organizations/me'], ['GET', '/v1/messages'], ['POST', '/v1/messages/../files'], ['GET', '/api/oauth/usage']] as const) expect(await status(method, path)).toBe(404)
    expect(seen).toEqual([])
  })

  test('refuses a token that nobody has, in the shared shape, without a call upstream', async () => {
    gatesOf(0)
    const response = await ask({ 'x-api-key': 'frt_1_nobody' })
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ error: { code: 'unauthorized', message: 'no run has this token', details: [] } })
    expect((await ask({})).status).toBe(401)
    expect(seen).toEqual([])
  })

  test('asks the orchestrator once for many requests, and every time for a token it refused', async () => {
    gatesOf(0)
    bench.orchestrator.grants.set('frt_20_cached_token_000000', grantFor())
    const asked = () => bench.orchestrator.calls.filter((call) => call.includes('authorize')).length
    const before = asked()
    await Promise.all(Array.from({ length: 5 }, () => ask({ 'x-api-key': 'frt_20_cached_token_000000' })))
    await ask({ 'x-api-key': 'frt_20_cached_token_000000' })
    expect(asked()).toBe(before + 1)
    for (let index = 0; index < 2; index++) await ask({ 'x-api-key': 'frt_21_unknown' })
    expect(asked()).toBe(before + 3)
  })

  test('bounds a request, whether it says its size or not', async () => {
    gatesOf(0)
    const big = new Uint8Array(33 * 1024 * 1024)
    expect((await ask(undefined, { body: big })).status).toBe(413)
    const stream = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 33; index++) controller.enqueue(new Uint8Array(1024 * 1024))
        controller.close()
      },
    })
    expect((await ask(undefined, { body: stream })).status).toBe(413)
  })

  test('says so when the model API or the orchestrator is away', async () => {
    const lost = await startBench({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' })
    try {
      const send = () => fetch(`${lost.gateway.url}/model/v1/messages`, { method: 'POST', body: '{}', headers: { 'x-api-key': RUN_TOKEN } })
      const first = await send()
      expect([first.status, await first.text()]).toEqual([503, expect.stringContaining('the model API does not answer')])
      lost.orchestrator.grants.clear()
      await lost.orchestrator.stop()
      const second = await fetch(`${lost.gateway.url}/model/v1/messages`, { method: 'POST', body: '{}', headers: { 'x-api-key': 'frt_30_other' } })
      expect([second.status, await second.text()]).toEqual([503, expect.stringContaining('the orchestrator does not answer')])
    } finally {
      await lost.stop()
    }
  })

  test('a wrong FACTORY_TOKEN of the gateway is not blamed on the run', async () => {
    const wrong = await startBench({ FACTORY_TOKEN: 'fct_quite_another_token' })
    try {
      const response = await fetch(`${wrong.gateway.url}/model/v1/messages`, { method: 'POST', body: '{}', headers: { 'x-api-key': RUN_TOKEN } })
      expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('FACTORY_TOKEN')])
      expect((await fetch(`${wrong.gateway.url}/ready`)).status).toBe(503)
      expect((await fetch(`${wrong.gateway.url}/health`)).status).toBe(200)
    } finally {
      await wrong.stop()
    }
  })

  test('MODELS_ALLOW lets only its models through', async () => {
    const narrow = await startBench({ ANTHROPIC_BASE_URL: upstream.url.origin, MODELS_ALLOW: 'claude-haiku, claude-sonnet' })
    try {
      gatesOf(0)
      const send = async (body: string) => (await fetch(`${narrow.gateway.url}/model/v1/messages`, { method: 'POST', body, headers: { 'x-api-key': RUN_TOKEN } })).status
      expect(await send('{"model":"claude-sonnet","messages":[]}')).toBe(200)
      expect(seen[0]?.size).toBe(39)
      expect(await send('{"model":"claude-opus"}')).toBe(403)
      expect(await send('{"model":7}')).toBe(400)
      expect(await send('nonsense')).toBe(400)
      expect(seen).toHaveLength(1)
    } finally {
      await narrow.stop()
    }
  })

  test('no credential is in the logs', () => {
    const text = bench.logs.join('\n')
    expect(bench.logs.length).toBeGreaterThan(10)
    for (const secret of [RUN_TOKEN, MODEL_KEY, 'frt_20_cached', 'frt_21_unknown', 'fct_test']) expect(text).not.toContain(secret)
  })
})

describeWith(['claude'], 'the real Claude CLI through the gateway', () => {
  test('works a turn with a tool, with no key but the run\'s token', async () => {
    const script = parseScript("rules:\n  - match: { prompt: hello }\n    turns:\n      - - tool: Bash\n          input: { command: echo from-tool, description: Say }\n      - 'It says {{result}}'\n", 'test.yml')
    const scripted: Model = await startModel({ scripts: [defineScript(script)], key: MODEL_KEY })
    const real = await startBench({ ANTHROPIC_BASE_URL: scripted.url })
    try {
      const run = await runClaude({ bin: need('claude'), modelUrl: `${real.gateway.url}/model`, cwd: real.dir, prompt: 'hello', env: { ANTHROPIC_API_KEY: RUN_TOKEN } })
      expect(run.result).toMatchObject({ is_error: false, result: 'It says from-tool' })
      expect(scripted.requests.every(({ headers }) => headers['x-api-key'] === MODEL_KEY)).toBe(true)
      expect(JSON.stringify(scripted.requests)).not.toContain(RUN_TOKEN)
    } finally {
      await real.stop()
      await scripted.stop()
    }
  })
})
