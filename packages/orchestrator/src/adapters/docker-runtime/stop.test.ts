import { createLogger } from '@factory/shared'
import { afterEach, expect, test } from 'bun:test'
import { createDockerRuntime } from './index.ts'

const servers: ReturnType<typeof Bun.serve>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

/** An engine whose container survives a stop and ends some looks after it is killed, as `kill` answers. */
function engine(kill: () => Response): { calls: string[]; host: string } {
  const calls: string[] = []
  let looks = 3
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const verb = new URL(request.url).pathname.split('/').at(-1) ?? ''
      calls.push(verb)
      if (verb === 'stop') return new Response(null, { status: 304 })
      if (verb === 'kill') return kill()
      const alive = !calls.includes('kill') || looks-- > 0
      return Response.json({
        State: { Status: alive ? 'paused' : 'exited', ExitCode: alive ? 0 : 137, OOMKilled: false },
        Config: { Labels: { 'factory.instance': 'f', 'factory.worker': 'w1', 'factory.run': '7' } },
      })
    },
  })
  servers.push(server)
  return { calls, host: `tcp://127.0.0.1:${server.port}` }
}
const runtime = (dockerHost: string) => createDockerRuntime({ instance: 'f', workerImage: 'x', workerSocketSource: '/tmp', logger: createLogger('test', 'silent'), dockerHost, callTimeoutMs: 2000 })

test.each([
  ['killed', () => new Response(null, { status: 204 })],
  ['found ended as it is killed', () => Response.json({ message: 'is not running' }, { status: 409 })],
])('a worker that a stop left alive is %s, and seen dead before stop returns', async (_what, answer) => {
  const { calls, host } = engine(answer)
  await runtime(host).stop('w1', { graceSeconds: 0 })
  expect(calls.slice(0, 3)).toEqual(['stop', 'json', 'kill'])
  expect(calls.length).toBeGreaterThan(5)
})

test('a kill that the engine refuses is an error: the worker may live', async () => {
  const { host } = engine(() => Response.json({ message: 'no' }, { status: 500 }))
  await expect(runtime(host).stop('w1', { graceSeconds: 0 })).rejects.toThrow()
})
