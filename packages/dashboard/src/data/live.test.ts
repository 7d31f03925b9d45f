import { describe, expect, test } from 'bun:test'
import { backoff, followEvents, SILENCE_MS, type Connection } from './live.ts'

/** Runs the follower over scripted answers; ends when they are used up. */
async function follow(answers: ((lastId: string | null, signal: AbortSignal) => Response | Promise<Response>)[]) {
  const ending = new AbortController()
  const seen: { connections: Connection[]; events: string[]; lastIds: (string | null)[]; waits: number[] } = { connections: [], events: [], lastIds: [], waits: [] }
  let now = 1_000
  await followEvents({
    url: '/api/events',
    token: 'secret',
    signal: ending.signal,
    now: () => now,
    random: () => 0,
    // Reconnects wait no time; the watchdog's wait passes only in the test that ends a silence.
    wait: async (ms, signal) => {
      if (ms < SILENCE_MS) return void seen.waits.push(ms)
      if (answers.length === 0) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      else now += ms
    },
    fetch: async (_url, init) => {
      const lastId = new Headers(init.headers).get('last-event-id')
      seen.lastIds.push(lastId)
      const next = answers.shift()
      if (!next || !init.signal) {
        ending.abort()
        throw new Error('no more answers')
      }
      return next(lastId, init.signal)
    },
    onEvent: (event) => seen.events.push(event.data),
    onConnection: (connection) => seen.connections.push(connection),
  })
  return seen
}

const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })

describe('following the stream', () => {
  test('goes on behind the last event it saw, and says that it reconnects', async () => {
    const seen = await follow([() => stream('id: 5\ndata: a\n\n'), () => stream('data: b\n\n'), () => new Response('', { status: 503 })])
    expect(seen.events).toEqual(['a', 'b'])
    expect(seen.lastIds).toEqual([null, '5', '5', '5'])
    expect(seen.connections.map((connection) => connection.state)).toEqual(['connecting', 'live', 'reconnecting', 'live', 'reconnecting', 'reconnecting'])
  })

  test('an id that the server does not take is given up, not repeated for ever', async () => {
    const seen = await follow([() => stream('id: 5\ndata: a\n\n'), () => new Response('', { status: 400 }), () => stream('data: b\n\n')])
    expect(seen.lastIds).toEqual([null, '5', null, null])
    expect(seen.events).toEqual(['a', 'b'])
  })

  test('a refused token ends it: trying again would not help', async () => {
    const seen = await follow([() => new Response('', { status: 401 }), () => stream('data: never\n\n')])
    expect(seen.connections.at(-1)).toEqual({ state: 'refused' })
    expect(seen.events).toEqual([])
  })

  test('a connection that nobody closed but that went silent is given up', async () => {
    const silent = (_id: string | null, signal: AbortSignal) =>
      new Response(
        new ReadableStream({
          start: (controller) => signal.addEventListener('abort', () => controller.error(new Error('aborted'))),
        }),
      )
    const seen = await follow([silent, () => stream('data: back\n\n')])
    expect(seen.connections.find((connection) => connection.state === 'reconnecting')).toMatchObject({ reason: 'nothing was heard for 45 seconds' })
    expect(seen.events).toEqual(['back'])
  })

  test('back-off doubles, is capped and never zero', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((attempt) => backoff(attempt, 0))
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500, 7500])
    expect(backoff(50, 1)).toBe(15_000)
  })
})
