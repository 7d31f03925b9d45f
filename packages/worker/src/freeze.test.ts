import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createBareRepo, gitBackend, must } from '@factory/gateway/testing'
import { FailRequest } from '@factory/shared'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startLine, type Line } from './testing/line.ts'
import { hasEnded, livingIn, startWorkerProcess } from './testing/worker-process.ts'

const REF = 'refs/factory/wip/3/12'
const LEASE = { heartbeatSeconds: 1, leaseSeconds: 3 }
/** Longer than the lease, and than the patience of five seconds. */
const LONG_SILENCE_MS = 5500

let line: Line
let bare: string
beforeEach(async () => {
  line = await startLine(gitBackend)
  bare = await createBareRepo(line.repos, 'acme/shop', { 'hello.ts': 'export const hello = 1\n' })
  line.assign(LEASE)
})
afterEach(async () => {
  for (const pid of livingIn(line.dir)) process.kill(pid, 'SIGKILL')
  await line.end()
})

const never = () => join(line.dir, 'never')
const pushed = () => line.stub.until(({ heartbeats }) => heartbeats.some(({ headSha }) => headSha !== undefined))
/** Waits, a turn of the event loop at a time, until something is so. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve))
}

describe.skipIf(process.platform !== 'linux')('a real worker process, stopped by SIGSTOP for longer than its lease', () => {
  test('that was given up meanwhile pushes nothing, ends with exit 3 and leaves no process', async () => {
    line.stub.givesUpAfterMs = LEASE.leaseSeconds * 1000
    const go = join(line.dir, 'go')
    const worker = await startWorkerProcess(line, [{ deaf: true }, { detach: 'trap "" TERM; while :; do sleep 1; done' }, { write: 'a.ts', text: '1' }, { iterate: 1 }, { waitFor: go }, { write: 'b.ts', text: '2' }, { iterate: 2 }, { waitFor: never() }])
    await pushed()
    const [sha, { pushes, heartbeats }] = [await must(bare, ['rev-parse', REF]), line.stub.said]
    worker.kill('SIGSTOP')
    const beats = heartbeats.length
    // Ralph and its agent go on, and what they did lies ready when the worker thaws.
    await Bun.write(go, '')
    await until(async () => (await must(line.workspace, ['log', '-1', '--format=%s'])) === 'iteration 2')
    await line.stub.until(() => line.stub.silent)
    expect(livingIn(line.dir).length).toBeGreaterThanOrEqual(3)
    worker.kill('SIGCONT')
    const thawed = performance.now()
    const { code, out } = await worker.ended
    expect(code).toBe(3)
    // At once: Ralph would have twenty seconds to end when asked.
    expect(performance.now() - thawed).toBeLessThan(10_000)
    expect(out).toContain('stopped: run 7 has ended (lost)')
    expect(await must(bare, ['rev-parse', REF])).toBe(sha)
    expect(line.stub.said).toMatchObject({ pushes, endings: [] })
    expect(line.stub.said.heartbeats).toHaveLength(beats)
    expect(livingIn(line.dir)).toEqual([])
  }, 30_000)

  test('in the middle of its setup: what setup started goes with it', async () => {
    bare = await createBareRepo(line.repos, 'acme/slow', { '.factory.yml': `setup: ["setsid sh -c 'touch ${line.dir}/started; trap : TERM; while :; do sleep 1; done' & wait"]\n` })
    line.assign({ ...LEASE, repo: 'acme/slow' })
    line.stub.givesUpAfterMs = LEASE.leaseSeconds * 1000
    const worker = await startWorkerProcess(line, [])
    await until(() => existsSync(join(line.dir, 'started')))
    worker.kill('SIGSTOP')
    await line.stub.until(() => line.stub.silent)
    worker.kill('SIGCONT')
    expect((await worker.ended).code).toBe(3)
    expect(line.stub.said).toMatchObject({ pushes: 0, endings: [] })
    expect(livingIn(line.dir)).toEqual([])
  }, 30_000)

  test('whose orchestrator was away as long, so that the run is still its own, renews and goes on', async () => {
    line.stub.givesUpAfterMs = LONG_SILENCE_MS
    const go = join(line.dir, 'go')
    const worker = await startWorkerProcess(line, [{ write: 'a.ts', text: '1' }, { iterate: 1 }, { waitFor: go }, { write: 'b.ts', text: '2' }, { iterate: 2 }, { finish: 11, reason: 'limit' }])
    await pushed()
    const all = livingIn(line.dir)
    line.stub.away = true
    for (const pid of all) process.kill(pid, 'SIGSTOP')
    await line.stub.until(() => line.stub.silent)
    line.stub.away = false
    await Bun.write(go, '')
    for (const pid of all) if (!hasEnded(pid)) process.kill(pid, 'SIGCONT')
    const { code } = await worker.ended
    expect(code).toBe(0)
    expect(line.stub.said.endings).toMatchObject([{ call: 'fail', body: { headSha: await must(bare, ['rev-parse', REF]) } }])
    expect(FailRequest.parse(line.stub.said.endings[0]?.body).outcome.message).toBe('limit')
    expect(await must(bare, ['ls-tree', '--name-only', REF])).toContain('b.ts')
  }, 30_000)
})

test('renewals go on while the event loop is busy and Ralph floods its output', async () => {
  line.stub.givesUpAfterMs = LEASE.leaseSeconds * 1000
  const enough = join(line.dir, 'enough')
  // A line is logged for each that is skipped, so reading is slower than printing.
  const running = line.run([{ write: 'a.ts', text: '1' }, { iterate: 1 }, { floodUntil: enough }, { finish: 11, reason: 'limit' }])
  await pushed()
  const before = line.stub.said.heartbeats.length
  let busy = true
  const burn = () => {
    for (const until = performance.now() + 40; performance.now() < until; ) Math.sqrt(2)
    if (busy) setImmediate(burn)
  }
  burn()
  await line.stub.until(({ heartbeats }) => heartbeats.length >= before + 6)
  expect(line.stub.silent).toBe(false)
  busy = false
  await Bun.write(enough, '')
  expect(await running).toBe(0)
  expect(line.stub.said.endings).toHaveLength(1)
}, 30_000)
