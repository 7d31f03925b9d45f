import { createLogger } from '@factory/shared'
import { afterEach, expect, test } from 'bun:test'
import { createDockerRuntime } from './index.ts'

const servers: ReturnType<typeof Bun.serve>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

test('a worker that another one started between the look and the start is adopted, not removed', async () => {
  const calls: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const { pathname } = new URL(request.url)
      const verb = pathname.split('/').at(-1) ?? ''
      calls.push(`${request.method} ${verb}`)
      if (pathname.includes('/images/')) return Response.json({ Id: 'sha256:0123456789abcdef', RepoTags: ['x'] })
      if (verb === 'create') return Response.json({ Id: 'c1' }, { status: 201 })
      if (verb === 'start') return new Response(null, { status: 304 })
      return Response.json({
        State: { Status: calls.includes('POST start') ? 'running' : 'created', ExitCode: 0, OOMKilled: false },
        Config: { Labels: { 'factory.instance': 'f', 'factory.worker': 'w1', 'factory.run': '7' } },
      })
    },
  })
  servers.push(server)
  const runtime = createDockerRuntime({ instance: 'f', workerImage: 'x', workerSocketSource: '/tmp', logger: createLogger('test', 'silent'), dockerHost: `tcp://127.0.0.1:${server.port}`, callTimeoutMs: 2000 })
  const started = await runtime.start({ name: 'w1', runId: 7, itemId: 1, repo: 'acme/shop', cache: 'acme/shop', image: null, runToken: 'x', limits: { memoryMb: 128, cpus: 1, pids: 64 } })
  expect(started).toMatchObject({ name: 'w1', status: 'running' })
  // The one removal is that of the container which made the cache.
  expect(calls.filter((call) => call.startsWith('DELETE'))).toHaveLength(1)
})
