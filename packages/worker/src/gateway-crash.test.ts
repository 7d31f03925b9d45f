import { afterEach, expect, test } from 'bun:test'
import { createBareRepo, gitBackend } from '@factory/gateway/testing'
import { join } from 'node:path'
import { startLine, type Line } from './testing/line.ts'

const GATEWAY = join(import.meta.dir, '../../gateway/src/main.ts')

let line: Line
const gateways: ReturnType<typeof Bun.spawn>[] = []
afterEach(async () => {
  for (const gateway of gateways) gateway.kill('SIGKILL')
  await line.end()
})

/** The real gateway as a process of its own, that can be killed. */
function startGateway(socket: string): ReturnType<typeof Bun.spawn> {
  const gateway = Bun.spawn([process.execPath, GATEWAY], {
    env: { PATH: process.env['PATH'] ?? '', GATEWAY_PORT: '0', GATEWAY_SOCKET: socket, ORCHESTRATOR_URL: line.stub.url, FACTORY_TOKEN: 'fct_0123456789abcdef', ANTHROPIC_API_KEY: 'sk-ant-made-up-0123456789', GITHUB_URL: `${line.stub.url}/git`, GITHUB_TOKEN: 'ghp_made_up' },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  gateways.push(gateway)
  return gateway
}

test('a gateway that is killed before it hands the answer on: the ending is told again, to another one, and gets the same answer', async () => {
  line = await startLine(gitBackend)
  await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n' })
  line.assign({ heartbeatSeconds: 1, leaseSeconds: 30 })
  const socket = join(line.dir, 'gateway.sock')
  const gateway = startGateway(socket)
  line.stub.deaf = ['fail/late']
  const running = line.run([{ write: 'a.ts', text: '1' }, { iterate: 1 }, { finish: 11, reason: 'limit' }], { FACTORY_GATEWAY_URL: `unix:${socket}` })
  await line.stub.until(({ unanswered }) => unanswered === 1)
  gateway.kill('SIGKILL')
  await gateway.exited
  line.stub.deaf = []
  startGateway(socket)
  expect(await running).toBe(0)
  const [first, second, ...more] = line.stub.said.endings
  expect(first).toMatchObject({ call: 'fail', body: { outcome: { code: 'limit_reached' } } })
  expect(second).toEqual(first)
  expect(more).toEqual([])
}, 30_000)
