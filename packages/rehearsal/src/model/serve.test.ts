import { afterEach, expect, test } from 'bun:test'
import { parseScript } from './script.ts'
import { startModel, type Model, type ModelOptions } from './serve.ts'

let model: Model | undefined
afterEach(() => model?.stop())

async function start(script: string, options: Partial<ModelOptions> = {}): Promise<Model> {
  model = await startModel({ scripts: [parseScript(script, 'f')], ...options })
  return model
}

const ask = (at: Model, body: object, headers: Record<string, string> = {}, path = '/v1/messages?beta=true') => fetch(at.url + path, { method: 'POST', body: JSON.stringify({ model: 'claude-x', messages: [{ role: 'user', content: 'hi' }], ...body }), headers })

test('streams the events of the Messages API and the same message without a stream', async () => {
  const model = await start(`rules: [{ reply: [{ text: Hello }, { tool: Bash, input: { command: ls } }], usage: { input: 7, output: 3, cache_write: 2 } }]`)
  const response = await ask(model, { stream: true }, {}, '/some/prefix/v1/messages')
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const text = await response.text()
  expect([...text.matchAll(/^event: (.+)$/gm)].map((found) => found[1])).toEqual(['message_start', 'ping', 'content_block_start', 'content_block_delta', 'content_block_stop', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'])
  const whole: unknown = await (await ask(model, {})).json()
  expect(whole).toMatchObject({ type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'tool_use', content: [{ type: 'text', text: 'Hello' }, { type: 'tool_use', name: 'Bash', input: { command: 'ls' } }], usage: { input_tokens: 7, output_tokens: 3, cache_creation_input_tokens: 2 } })
})

test('answers HEAD, counts tokens, refuses what is not its own', async () => {
  const model = await start('rules: [{ reply: x }]')
  expect((await fetch(model.url, { method: 'HEAD' })).status).toBe(200)
  expect(await (await ask(model, {}, {}, '/v1/messages/count_tokens')).json()).toEqual({ input_tokens: expect.any(Number) })
  expect(model.requests).toHaveLength(0)
  expect((await ask(model, {}, {}, '/v1/complete')).status).toBe(404)
  expect((await ask(model, { messages: 'no' })).status).toBe(400)
})

test('takes only the key it was given', async () => {
  const model = await start('rules: [{ reply: x }]', { key: 'right' })
  expect((await ask(model, {})).status).toBe(401)
  expect((await ask(model, {}, { 'x-api-key': 'right' })).status).toBe(200)
  expect((await ask(model, {}, { authorization: 'Bearer right' })).status).toBe(200)
})

test('a usage limit names its window and reset time', async () => {
  const model = await start('rules: [{ fault: { kind: usage_limit, resets_in: 60, window: seven_day } }]', { now: () => 1_000_000 })
  const { status, headers } = await ask(model, {})
  expect(status).toBe(429)
  expect(headers.get('anthropic-ratelimit-unified-status')).toBe('rejected')
  expect(headers.get('anthropic-ratelimit-unified-reset')).toBe('1060')
  expect(headers.get('anthropic-ratelimit-unified-representative-claim')).toBe('seven_day')
  expect(headers.get('anthropic-ratelimit-unified-7d-status')).toBe('rejected')
})

test.each([
  ['overloaded', 529],
  ['server_error', 500],
  ['forbidden', 403],
  ['prompt_too_long', 400],
  ['{ kind: rate_limit, retry_after: 9 }', 429],
])('fault %s answers %d', async (fault, status) => {
  const model = await start(`rules: [{ fault: ${fault} }]`)
  const response = await ask(model, {})
  expect(response.status).toBe(status)
  expect(response.headers.get('retry-after')).toBe(status === 429 ? '9' : null)
  expect(await response.json()).toMatchObject({ type: 'error', error: { message: expect.any(String) } })
})

test('an answer carries the headers of its rule', async () => {
  const model = await start('rules: [{ reply: x, headers: { anthropic-ratelimit-unified-status: allowed_warning } }]')
  for (const stream of [true, false]) {
    const { headers } = await ask(model, { stream })
    expect(headers.get('anthropic-ratelimit-unified-status')).toBe('allowed_warning')
    expect(headers.get('content-type')).toContain(stream ? 'text/event-stream' : 'application/json')
  }
})

test('a cut stream delivers its first events and then breaks', async () => {
  const model = await start('rules: [{ reply: hello, cut: 2 }]')
  const reader = (await ask(model, { stream: true })).body?.pipeThrough(new TextDecoderStream()).getReader()
  let got = ''
  const read = async () => {
    for (;;) {
      const part = await reader?.read()
      if (!part || part.done) return
      got += part.value
    }
  }
  await expect(read()).rejects.toThrow()
  expect(got).toContain('event: ping')
  expect(got).not.toContain('content_block_start')
})

test('a disconnect gives no answer at all', async () => {
  const model = await start('rules: [{ fault: disconnect }]')
  await expect(ask(model, {})).rejects.toThrow()
})

test('delay and pace spread an answer over time', async () => {
  const model = await start('rules: [{ reply: hello, delay: 40, pace: 10 }]')
  const began = performance.now()
  const response = await ask(model, { stream: true })
  expect(performance.now() - began).toBeGreaterThan(35)
  await response.text()
  expect(performance.now() - began).toBeGreaterThan(90)
})

test('new scripts start over', async () => {
  const model = await start('rules: [{ reply: one, times: 1 }]')
  await ask(model, {})
  await model.load([parseScript('rules: [{ name: two, reply: x }]', 'g')])
  await ask(model, {})
  expect(model.requests.map((seen) => seen.rule)).toEqual(['f: rules[0]', 'g: two'])
})
