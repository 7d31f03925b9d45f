import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { api, type VerifyReport } from '@factory/shared'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { FakeStep } from '../testing/fake-ralph.ts'
import { startLine, type Line } from '../testing/line.ts'

const REF = 'refs/factory/wip/3/12'
const report: VerifyReport = { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed: true, reason: 'all checks pass' }
const ENDINGS: readonly (readonly [string, FakeStep])[] = [
  ['complete', { finish: 0, report }],
  ['fail', { finish: 11, reason: 'limit' }],
  ['stuck', { finish: 10, reason: 'because' }],
  ['pause', { finish: 12, reason: 'limit', until: '2026-01-01T05:00:00.000Z' }],
]

let line: Line
let bare: string
beforeEach(async () => {
  line = await startLine(gitBackend)
  bare = await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n' })
  line.assign({ heartbeatSeconds: 1, leaseSeconds: 30 })
})
afterEach(() => line.end())

const said = () => line.stub.said
const never = () => join(line.dir, 'never')
const work = [{ write: 'a.ts', text: '1' }, { iterate: 1 }] as const
const pushed = () => line.stub.until(({ heartbeats }) => heartbeats.some(({ headSha }) => headSha !== undefined))
const logged = async (text: string) => {
  while (!line.logs.some((log) => log.includes(text))) await new Promise((resolve) => setImmediate(resolve))
}

describe('a call that is told that its token is stale ends the worker with exit 3', () => {
  const drive: Record<string, () => Promise<number>> = {
    register: () => line.run([]),
    heartbeat: () => line.run([...work, { waitFor: never() }]),
    // Asked by a process of Ralph's, which hands the refusal on to the worker.
    async lock() {
      line.stub.refuses = ['lock', 'heartbeat']
      line.stub.refuse = null
      const running = line.run([...work, { waitFor: never() }])
      await pushed()
      const { argv, env } = await line.called()
      const command = argv.find((word) => word.startsWith('--before-edit='))?.slice('--before-edit='.length) ?? ''
      line.assign({ heartbeatSeconds: 20 })
      line.stub.refuse = 'stale_token'
      const asked = Bun.spawn(['/bin/sh', '-c', command, 'before-edit', 'a.ts'], { cwd: line.workspace, env, stdout: 'ignore', stderr: 'ignore' })
      // 137: the worker that it warned ends everything of the run, this command too, sooner than it can answer
      expect([2, 137]).toContain(await asked.exited)
      return running
    },
    ...Object.fromEntries(ENDINGS.map(([call, finish]) => [call, () => line.run([...work, finish])])),
  }
  /** Locks are given back by the run's end alone. */
  const NEVER_CALLED = ['unlock']

  test('every call of the protocol is looked at here', () => {
    expect(Object.entries(api).filter(([, { audience }]) => audience === 'run').map(([name]) => name).sort()).toEqual([...Object.keys(drive), ...NEVER_CALLED].sort())
  })

  for (const code of ['stale_token', 'conflict'] as const) {
    test.each(Object.keys(drive))(`%s, ${code}`, async (call) => {
      line.stub.refuse = code
      line.stub.refuses = [call]
      expect(await drive[call]?.()).toBe(3)
      expect(said().endings).toEqual([])
      expect(line.said.at(-1)).toStartWith('stopped: ')
    })
  }
})

describe('an ending is told until it is answered, and is one', () => {
  test.each(ENDINGS)('%s, whose answer is lost twice while renewals are refused because it was taken', async (call, finish) => {
    line.stub.loseAnswers = 2
    expect(await line.run([...work, finish])).toBe(0)
    expect(said().endings.map((ending) => ending.call)).toEqual([call, call, call])
    const [first, ...others] = said().endings
    for (const other of others) expect(other).toEqual(first ?? other)
    expect(line.logs.some((log) => log.includes('heartbeat failed') && log.includes('"verdict":"fenced"'))).toBe(true)
    expect(said().refused).toEqual([])
  })

  test('a run that was given up while it told its end learns so from the answer', async () => {
    line.stub.down = ['fail']
    const running = line.run([...work, { finish: 11, reason: 'limit' }])
    await logged('ending failed')
    line.stub.refuse = 'stale_token'
    line.stub.down = []
    expect(await running).toBe(3)
    expect(said().endings).toEqual([])
  })
})

describe('a gateway that hangs', () => {
  test.each(['heartbeat', 'heartbeat/half'])('does not hold the next heartbeat for ever: %s', async (how) => {
    line.assign({ heartbeatSeconds: 1, leaseSeconds: 8 })
    const running = line.run([...work, { waitFor: join(line.dir, 'go') }, { finish: 11, reason: 'limit' }])
    await pushed()
    line.stub.deaf = [how]
    await line.stub.until(({ unanswered }) => unanswered >= 2)
    line.stub.deaf = []
    const before = said().heartbeats.length
    await line.stub.until(({ heartbeats }) => heartbeats.length > before)
    await Bun.write(join(line.dir, 'go'), '')
    expect(await running).toBe(0)
  })
})

describe('while trust is gone', () => {
  /** Clocks that a test puts forward: to the worker it stood still for so long. */
  const clocks = () => {
    const time = { ahead: 0 }
    return { time, clocks: { mono: () => performance.now() + time.ahead, wall: () => Date.now() } }
  }

  test('nothing is pushed and no end is told; with the renewal both are', async () => {
    line.assign({ heartbeatSeconds: 20, leaseSeconds: 120 })
    const { time, clocks: mine } = clocks()
    const go = join(line.dir, 'go')
    const running = line.run([...work, { waitFor: go }, { write: 'b.ts', text: '2' }, { iterate: 2 }, { finish: 0, report }], {}, { clocks: mine })
    await pushed()
    const { pushes } = said()
    const sha = await must(bare, ['rev-parse', REF])
    // Heartbeats alone are not answered: git and endings would get through.
    line.stub.down = ['heartbeat']
    time.ahead = 101_000
    await logged('heartbeat failed')
    await Bun.write(go, '')
    await logged('"step":"push"')
    await line.stub.until(() => line.logs.filter((log) => log.includes('heartbeat failed')).length >= 2)
    expect(said()).toMatchObject({ pushes, endings: [] })
    expect(await must(bare, ['rev-parse', REF])).toBe(sha)
    line.stub.down = []
    expect(await running).toBe(0)
    expect(said().endings).toMatchObject([{ call: 'complete', body: { headSha: await must(bare, ['rev-parse', REF]) } }])
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('b.ts')
  })

  test('an end that needs no push is not told either', async () => {
    line.assign({ run: { id: 7, kind: 'spec', attempt: 1, token: 12 }, heartbeatSeconds: 20, leaseSeconds: 120 })
    const { time, clocks: mine } = clocks()
    const go = join(line.dir, 'go')
    const running = line.run([{ waitFor: go }, { write: 'SPEC.md', text: '# Bye\n' }, { finish: 0 }], {}, { clocks: mine })
    await logged('"step":"agent"')
    line.stub.down = ['heartbeat']
    time.ahead = 101_000
    await logged('heartbeat failed')
    await Bun.write(go, '')
    await logged('"step":"report"')
    await line.stub.until(() => line.logs.filter((log) => log.includes('heartbeat failed')).length >= 3)
    expect(said().endings).toEqual([])
    line.stub.down = []
    expect(await running).toBe(0)
    expect(said().endings).toMatchObject([{ call: 'complete' }])
  })

  test('a push on its way is broken off, and made again after the renewal', async () => {
    line.assign({ heartbeatSeconds: 20, leaseSeconds: 120 })
    const { time, clocks: mine } = clocks()
    const open = join(line.dir, 'open')
    await Bun.write(join(bare, 'hooks/pre-receive'), `#!/bin/sh\ntouch ${line.dir}/waiting\nfor i in $(seq 3000); do test -f ${open} && exit 0; sleep 0.01; done\nexit 1\n`)
    await chmod(join(bare, 'hooks/pre-receive'), 0o755)
    const running = line.run([...work, { finish: 0, report }], {}, { clocks: mine })
    while (!(await Bun.file(join(line.dir, 'waiting')).exists())) await new Promise((resolve) => setImmediate(resolve))
    line.stub.down = ['heartbeat']
    time.ahead = 101_000
    await logged('push failed')
    expect(said().endings).toEqual([])
    await Bun.write(open, '')
    line.stub.down = []
    expect(await running).toBe(0)
    expect(said().endings).toMatchObject([{ call: 'complete', body: { headSha: await must(bare, ['rev-parse', REF]) } }])
  })

  test('a wall clock that jumps ahead costs a renewal and nothing else', async () => {
    line.assign({ heartbeatSeconds: 20, leaseSeconds: 120 })
    let ahead = 0
    const go = join(line.dir, 'go')
    const running = line.run([...work, { waitFor: go }, { finish: 0, report }], {}, { clocks: { mono: () => performance.now(), wall: () => Date.now() + ahead } })
    await pushed()
    const before = said().heartbeats.length
    ahead = 86_400_000
    await line.stub.until(({ heartbeats }) => heartbeats.length > before)
    ahead = -86_400_000
    await Bun.write(go, '')
    expect(await running).toBe(0)
    expect(said().endings).toMatchObject([{ call: 'complete' }])
  })
})

test('verified work waits for an orchestrator that is away longer than a push is tried', async () => {
  const go = join(line.dir, 'go')
  const running = line.run([...work, { waitFor: go }, { write: 'b.ts', text: '2' }, { iterate: 2 }, { finish: 0, report }])
  await pushed()
  line.stub.away = true
  await Bun.write(go, '')
  // Three tries are all that a forge would get which does not answer.
  while (line.logs.filter((log) => log.includes('push failed')).length < 6) await new Promise((resolve) => setImmediate(resolve))
  line.stub.away = false
  expect(await running).toBe(0)
  expect(said().endings).toMatchObject([{ call: 'complete', body: { headSha: await must(bare, ['rev-parse', REF]) } }])
})

test('a forge that does not take verified work is no refusal: the run is lost, not the work wrong', async () => {
  const other = await startLine((root) => {
    const backend = gitBackend(root)
    return async (request) => (new URL(request.url).pathname.endsWith('/git-receive-pack') ? new Response('bad gateway', { status: 502 }) : backend(request))
  })
  try {
    await createBareRepo(other.repos, 'acme/shop', { 'hello.ts': '1' })
    expect(await other.run([...work, { finish: 0, report }])).toBe(0)
    expect(other.stub.said.endings).toMatchObject([{ call: 'fail', body: { outcome: { code: 'repository_unreachable', message: expect.stringContaining('502') } } }])
  } finally {
    await other.end()
  }
})
