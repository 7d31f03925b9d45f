import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectEngine, pull } from './engine.ts'

const servers: ReturnType<typeof Bun.serve>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

/** An engine that answers a pull as it is told to. */
function engine(answer: () => Response) {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => (new URL(request.url).pathname.endsWith('/images/create') ? answer() : new Response('{}', { status: 500 })) })
  servers.push(server)
  return connectEngine(`tcp://127.0.0.1:${server.port}`)
}
const refuses = (status: number, message: string) => engine(() => Response.json({ message }, { status }))
const reports = (error: string) => engine(() => new Response(`{"status":"Pulling"}\n${JSON.stringify({ errorDetail: { message: error }, error })}\n`, { headers: { 'content-type': 'application/json' } }))

const DENIED = 'pull access denied for acme/image, repository does not exist or may require authorization'
const AWAY = 'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host'

describe('an image that cannot be pulled tells the engine’s own words', () => {
  test.each([
    ['refused for good', () => refuses(404, DENIED), DENIED, true],
    ['a registry out of reach', () => refuses(500, AWAY), AWAY, false],
    ['told in the middle of the stream', () => reports('manifest for acme/image:9 not found: manifest unknown'), 'manifest unknown', true],
  ])('%s', async (_what, make, words, permanent) => {
    const error = await pull(make(), 'acme/image:9', 5000).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'image_unusable', permanent })
    expect(error).toHaveProperty('message', expect.stringMatching(/^image acme\/image:9 is not on this engine and cannot be pulled: (?!Docker)/))
    expect(error).toHaveProperty('message', expect.stringContaining(words))
  })

  test('an engine that is away is not taken for a missing image', async () => {
    const docker = refuses(404, DENIED)
    await servers[0]?.stop(true)
    expect(await pull(docker, 'acme/image:9', 5000).catch((thrown: unknown) => thrown)).toMatchObject({ code: 'engine_unavailable', permanent: false })
  })
})

test('an engine that closes its connections between calls (it was started anew) fails none', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'factory-engine-'))
  const path = join(directory, 'engine.sock')
  const listener = createServer((client) => {
    client.on('error', () => client.destroy())
    client.on('data', () => client.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]', () => client.destroy()))
  })
  await new Promise<void>((resolve) => listener.listen(path, resolve))
  try {
    const docker = connectEngine(`unix://${path}`)
    for (let times = 0; times < 50; times++) expect(await docker.listContainers()).toEqual([])
  } finally {
    listener.close()
    rmSync(directory, { recursive: true, force: true })
  }
})
