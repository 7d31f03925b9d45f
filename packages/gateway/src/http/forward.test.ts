import { afterEach, expect, test } from 'bun:test'
import { createServer, type RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { FactoryError } from '@factory/shared'
import { forward } from './forward.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function listen(handle: RequestListener): Promise<string> {
  const server = createServer(handle)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}

/** A gateway in front of `upstream` that gives it up after so many milliseconds of silence. */
const gateway = (upstream: string, body: () => Readable | null = () => null, silenceMs = 80) =>
  listen((_req, res) => {
    const given = body()
    forward(res, { url: new URL(upstream), method: given ? 'POST' : 'GET', headers: {}, body: given, name: 'the forge', silenceMs }).catch((error: unknown) => {
      res.statusCode = error instanceof FactoryError && error.code === 'unavailable' ? 503 : 500
      res.end(String(error))
    })
  })

/** What a machine that is busy with other work does not take for silence. Milliseconds. */
const LONG_MS = 2000

/** Says something every 250 ms, for longer than the silence that is allowed. */
async function* trickle(): AsyncGenerator<string> {
  for (let index = 0; index < 10; index++) {
    await Bun.sleep(LONG_MS / 8)
    yield `${index}`
  }
}

test('a server that never answers is given up', async () => {
  const url = await gateway(await listen(() => {}))
  const answer = await fetch(url)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('the forge does not answer')
})

test('one that falls silent in the middle of its answer breaks the connection: nobody takes half for whole', async () => {
  const url = await gateway(await listen((_req, res) => void res.writeHead(200).write('half')))
  const whole = await fetch(url).then((answer) => answer.text()).then(() => true, () => false)
  expect(whole).toBe(false)
})

test('slow is not silent: neither an answer nor a push is cut off while bytes move', async () => {
  const slow = await gateway(await listen((_req, res) => void Readable.from(trickle()).pipe(res)), () => null, LONG_MS)
  expect(await (await fetch(slow)).text()).toBe('0123456789')
  const echo = await listen((req, res) => void req.pipe(res))
  const pushing = await gateway(echo, () => Readable.from(trickle()), LONG_MS)
  expect(await (await fetch(pushing)).text()).toBe('0123456789')
}, 30_000)
