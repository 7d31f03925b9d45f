import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { existsSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '@factory/shared'
import { parseConfig } from './config.ts'
import { startLine, type Line } from './testing/line.ts'

const REF = 'refs/factory/wip/3/12'
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
/** Ralph has committed once and waits for ever. */
const busy = () => [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { waitFor: never() }] as const
const pushed = () => line.stub.until(({ heartbeats }) => heartbeats.some(({ headSha }) => headSha !== undefined))
const isGone = async (pid: number) => !existsSync(`/proc/${pid}`) || (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ')).includes(' Z ')

describe('the lease', () => {
  test('is renewed on a timer while ralph says nothing', async () => {
    const running = line.run(busy())
    await pushed()
    const before = said().heartbeats.length
    await line.stub.until(({ heartbeats }) => heartbeats.length >= before + 2)
    // Commits are told once.
    expect(said().heartbeats.slice(before).some((beat) => 'headSha' in beat || 'baseSha' in beat)).toBe(false)
    line.stop.stop({ kind: 'terminated', reason: 'test is over' })
    expect(await running).toBe(143)
  })

  test('survives an orchestrator that is away, and loses no event', async () => {
    const go = join(line.dir, 'go')
    const running = line.run([
      ...[1, 2].map((iteration) => ({ emit: { event: 'iteration.started', iteration, task: null, kind: 'work' } })),
      { write: 'a.ts', text: '1' },
      { iterate: 1 },
      { waitFor: go },
      ...Array.from({ length: 1200 }, (_, index) => ({ emit: { event: 'heartbeat', iteration: 1, elapsedMs: index } })),
      { finish: 11, reason: 'limit' },
    ])
    await pushed()
    line.stub.away = true
    await Bun.write(go, '')
    // Ralph ends and the report is refused before the orchestrator comes back.
    while (!line.logs.some((text) => text.includes('ending failed') || text.includes('heartbeat failed'))) await new Promise((resolve) => setImmediate(resolve))
    line.stub.away = false
    expect(await running).toBe(0)
    expect(said().refused).toEqual([])
    const events = [...said().heartbeats.flatMap(({ events }) => events), ...said().endings.flatMap(({ body }) => body.events)]
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 1204 }, (_, index) => index + 1))
    expect(said().heartbeats.every(({ events }) => events.length <= 500)).toBe(true)
  })

  test('registration waits for an orchestrator that is not there yet', async () => {
    line.stub.away = true
    const running = line.run([{ finish: 11, reason: 'limit' }])
    while (!line.logs.some((text) => text.includes('register failed'))) await new Promise((resolve) => setImmediate(resolve))
    line.stub.away = false
    expect(await running).toBe(0)
  })

  test('a worker that nobody wants gives up', async () => {
    line.stub.away = true
    expect(await line.run([], {}, { registerPatienceMs: 0 })).toBe(3)
  })

  test.each(['stale_token', 'unauthorized'] as const)('%s ends the run at once: nothing is said or pushed any more', async (code) => {
    const running = line.run([{ deaf: true }, ...busy()])
    await pushed()
    const { pid } = await line.called()
    const sha = await must(bare, ['rev-parse', REF])
    line.stub.refuse = code
    expect(await running).toBe(3)
    expect(said().endings).toEqual([])
    expect(await must(bare, ['rev-parse', REF])).toBe(sha)
    expect(await isGone(pid)).toBe(true)
  })

  test('a run that nobody answers for longer than its patience ends by itself', async () => {
    line.assign({ heartbeatSeconds: 20, leaseSeconds: 120 })
    // Sixty times as fast from some moment on: a turn of the timer is fifteen seconds.
    let from = Number.POSITIVE_INFINITY
    const mono = () => performance.now() + 60 * Math.max(0, performance.now() - from)
    const running = line.run(busy(), {}, { clocks: { mono, wall: mono } })
    await pushed()
    line.stub.away = true
    from = performance.now()
    expect(await running).toBe(3)
    expect(said().endings).toEqual([])
    expect(line.said.at(-1)).toMatch(/^stopped: the lease could not be renewed for \d+ seconds$/)
  })

  test('a refused registration is an end, not a retry', async () => {
    line.stub.refuse = 'stale_token'
    expect(await line.run([])).toBe(3)
    expect(said().registers).toBe(1)
  })
})

describe('being told to stop', () => {
  test('cancel: the work is pushed, the end is told with the reason that was given, exit 4', async () => {
    const running = line.run([{ write: 'a.ts', text: '1' }, { iterate: 1 }, { write: 'b.ts', text: '2' }, { waitFor: never() }])
    await pushed()
    const { pid } = await line.called()
    line.stub.command = 'cancel'
    expect(await running).toBe(4)
    expect(said().endings).toMatchObject([{ call: 'fail', body: { outcome: { code: 'cancelled', message: 'the issue was closed' }, headSha: await must(bare, ['rev-parse', REF]) } }])
    expect(line.said).toContain('stopped: the issue was closed')
    expect(line.logs.some((text) => text.includes('told to end') && text.includes('the issue was closed'))).toBe(true)
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
    expect(await isGone(pid)).toBe(true)
  })

  test('cancel: work that could not be pushed before is pushed then', async () => {
    await Bun.write(join(bare, 'hooks/pre-receive'), `#!/bin/sh\ntest -f ${join(line.dir, 'open')}\n`)
    await chmod(join(bare, 'hooks/pre-receive'), 0o755)
    const running = line.run(busy())
    await line.stub.until(({ heartbeats }) => heartbeats.some(({ events }) => events.some(({ event }) => event === 'iteration.finished')))
    expect(await must(bare, ['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main')
    await Bun.write(join(line.dir, 'open'), '')
    line.stub.command = 'cancel'
    expect(await running).toBe(4)
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
  })

  test('a real SIGTERM to the real process: the work is pushed, exit 143', async () => {
    await Bun.write(join(line.dir, 'steps.json'), JSON.stringify(busy()))
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts')], {
      env: {
        PATH: process.env['PATH'] ?? '',
        FACTORY_GATEWAY_URL: line.stub.url,
        FACTORY_RUN_ID: '7',
        FACTORY_RUN_TOKEN: 'frt_7_0123456789abcdefghij',
        FACTORY_WORKSPACE: line.workspace,
        TMPDIR: line.dir,
        RALPH_COMMAND: `${process.execPath} ${join(import.meta.dir, 'testing/fake-ralph.ts')} ${join(line.dir, 'steps.json')} ${join(line.dir, 'called.json')}`,
      },
      stdout: 'pipe',
      stderr: 'pipe',
    })
    await pushed()
    child.kill('SIGTERM')
    expect(await child.exited).toBe(143)
    expect(await must(bare, ['rev-parse', REF])).toBe(await must(line.workspace, ['rev-parse', 'HEAD']))
    const [out, err] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()]
    expect(out).toContain('stopped: got SIGTERM')
    for (const text of err.trim().split('\n')) expect(JSON.parse(text)).toMatchObject({ service: 'worker', run: 7 })
    expect(out + err).not.toContain('frt_7')
  })
})

test('over a unix socket everything goes through a forwarder on loopback', async () => {
  const socket = join(line.dir, 'gateway.sock')
  const target = new URL(line.stub.url)
  const gateway = Bun.serve({ unix: socket, fetch: (request) => fetch(new URL(new URL(request.url).pathname + new URL(request.url).search, target), { method: request.method, headers: request.headers, body: request.body }) })
  try {
    expect(await line.run([{ write: 'a.ts', text: '1' }, { iterate: 1 }, { finish: 11, reason: 'limit' }], { FACTORY_GATEWAY_URL: `unix:${socket}` })).toBe(0)
    expect(said().endings).toHaveLength(1)
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('a.ts')
    const { env } = await line.called()
    expect(env['ANTHROPIC_BASE_URL']).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/model$/)
    expect(env['ANTHROPIC_BASE_URL']).not.toContain(target.port)
  } finally {
    await gateway.stop(true)
  }
})

test('the configuration names what is wrong', () => {
  const good = { FACTORY_GATEWAY_URL: 'unix:/run/factory/gateway.sock', FACTORY_RUN_ID: '7', FACTORY_RUN_TOKEN: 'frt_7_abcdefgh' }
  expect(parseConfig(good)).toMatchObject({ workspace: '/workspace', ralph: ['/opt/factory/bin/ralph'], cacheDir: null })
  for (const [change, message] of [
    [{ FACTORY_GATEWAY_URL: 'ftp://x' }, 'unix:/path'],
    [{ FACTORY_RUN_ID: '0' }, 'FACTORY_RUN_ID'],
    [{ FACTORY_RUN_TOKEN: '' }, 'FACTORY_RUN_TOKEN is not set'],
    [{ FACTORY_WORKSPACE: 'here' }, 'absolute'],
  ] as const) {
    expect(() => parseConfig({ ...good, ...change })).toThrow(ConfigError)
    expect(() => parseConfig({ ...good, ...change })).toThrow(message)
  }
})
