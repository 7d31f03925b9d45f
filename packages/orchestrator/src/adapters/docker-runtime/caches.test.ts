import { afterEach, expect, test } from 'bun:test'
import { createCaches } from './caches.ts'
import { cacheVolume } from './container-options.ts'
import { connectEngine } from './engine.ts'

const servers: ReturnType<typeof Bun.serve>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

test('a start whose cache is being removed waits for that, and makes it anew', async () => {
  const volume = cacheVolume('f', 'acme/shop')
  const events: string[] = []
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (request.method === 'GET' && pathname.endsWith('/volumes')) return Response.json({ Volumes: [{ Name: volume }] })
      if (request.method === 'DELETE' && pathname.includes('/volumes/')) {
        asked.resolve()
        await go.promise
        events.push('removed')
        return new Response(null, { status: 204 })
      }
      if (pathname.endsWith('/containers/create')) {
        events.push('made')
        return Response.json({ Id: 'c1' }, { status: 201 })
      }
      return request.method === 'DELETE' ? new Response(null, { status: 204 }) : new Response('{}', { status: 404 })
    },
  })
  servers.push(server)
  const docker = connectEngine(`tcp://127.0.0.1:${server.port}`)
  const caches = createCaches({ docker, instance: 'f', image: 'x', ms: 5000 })
  const sweeping = caches.sweep([])
  await asked.promise
  const using = caches.use('acme/shop', () => Promise.resolve(events.push('used')))
  // Long enough for a start that did not wait to be through.
  for (let calls = 0; calls < 10; calls++) await docker.listContainers().catch(() => undefined)
  expect(events).toEqual([])
  go.resolve()
  await using
  expect(events).toEqual(['removed', 'made', 'used'])
  expect(await sweeping).toEqual([volume])
  expect(await caches.sweep(['Acme/Shop'])).toEqual([])
})
