import { afterAll, describe, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { z } from 'zod'
import { embedderContract } from '../ports/embedder.contract.ts'
import { createOpenAiEmbedder } from './openai-embedder.ts'

const logger = createLogger('test', 'silent')
const Asked = z.object({ model: z.string(), input: z.array(z.string().min(1)), encoding_format: z.literal('float') })

/** A vector that tells texts apart. */
const vectorOf = (text: string) => [text.length, ...new Bun.CryptoHasher('sha1').update(text).digest().subarray(0, 7)]

/** What OpenAI-compatible endpoints answer; `spoil` may answer in its place. */
function serve(spoil: (count: number) => Response | Promise<Response> | null = () => null) {
  const requests: { authorization: string | null; body: z.infer<typeof Asked> }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/v1/embeddings': {
        async POST(request) {
          const body = Asked.parse(await request.json())
          requests.push({ authorization: request.headers.get('authorization'), body })
          const data = body.input.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })).reverse()
          return (await spoil(requests.length)) ?? Response.json({ object: 'list', model: body.model, data, usage: { prompt_tokens: 1, total_tokens: 1 } })
        },
      },
    },
  })
  servers.push(server)
  return { requests, baseUrl: `http://127.0.0.1:${server.port}/v1`, stop: () => server.stop(true) }
}
const servers: { stop(force: boolean): unknown }[] = []
afterAll(() => servers.forEach((server) => server.stop(true)))

const open = (baseUrl: string, timeoutMs = 1000) => createOpenAiEmbedder({ apiKey: 'made-up', baseUrl, logger, timeoutMs })

embedderContract('openai', {
  open: () => open(serve().baseUrl),
  openAway: () => {
    const gone = serve()
    void gone.stop()
    return open(gone.baseUrl)
  },
})

describe('an OpenAI-compatible endpoint', () => {
  test('is asked with the key, the default model and plain numbers', async () => {
    const { requests, baseUrl } = serve()
    expect(await open(baseUrl).embed(['a'])).toEqual([vectorOf('a')])
    expect(requests).toEqual([{ authorization: 'Bearer made-up', body: { model: 'text-embedding-3-small', input: ['a'], encoding_format: 'float' } }])
  })

  test('is asked again after a passing trouble', async () => {
    const { requests, baseUrl } = serve((count) => (count === 1 ? new Response('busy', { status: 503, headers: { 'retry-after-ms': '1' } }) : null))
    expect(await open(baseUrl).embed(['a'])).toHaveLength(1)
    expect(requests).toHaveLength(2)
  })

  test('that never answers is given up in bounded time', async () => {
    const { baseUrl } = serve(() => new Promise<Response>(() => undefined))
    const began = performance.now()
    expect(await open(baseUrl, 100).embed(['a'])).toBeNull()
    expect(performance.now() - began).toBeLessThan(8000)
  })

  test('whose answer is wrong gives null', async () => {
    const answers: unknown[] = [
      { data: [] },
      { data: [{ index: 0, embedding: [] }] },
      { data: [{ index: 0, embedding: [1, null] }] },
      {},
    ]
    for (const answer of answers) expect(await open(serve(() => Response.json(answer)).baseUrl).embed(['a'])).toBeNull()
    expect(await open(serve(() => new Response('no', { status: 401 })).baseUrl).embed(['a'])).toBeNull()
    const uneven = { data: [{ index: 0, embedding: [1] }, { index: 1, embedding: [1, 2] }] }
    expect(await open(serve(() => Response.json(uneven)).baseUrl).embed(['a', 'b'])).toBeNull()
  })

  test('a very long text is cut, not refused', async () => {
    const { requests, baseUrl } = serve()
    await open(baseUrl).embed(['x'.repeat(300_000)])
    expect(requests[0]?.body.input[0]?.length).toBe(12_000)
  })
})
