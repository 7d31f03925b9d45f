import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@factory/shared'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import Docker from 'dockerode'
import type { LogPiece, WorkerRuntime, WorkerSpec } from '../../ports/worker-runtime.ts'
import { containerName } from './container-options.ts'
import { engineProxy, type EngineProxy } from './engine-proxy.fixture.ts'
import { createDockerRuntime } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'factory-proxy-'))
chmodSync(directory, 0o755)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const CALL_MS = 1500
const spec = (name: string): WorkerSpec => ({ name, runId: 1, itemId: 1, repo: 'acme/shop', cache: 'acme/shop', image: null, runToken: 'frt_1_made_up', limits: { memoryMb: 128, cpus: 1, pids: 64 } })

describeWith(['docker', 'worker-image'], 'an engine that goes away and comes back', () => {
  const instance = `away${process.pid.toString(36)}`
  const docker = new Docker()
  let proxy: EngineProxy
  let runtime: WorkerRuntime
  let direct: WorkerRuntime
  /** `dockerHost`: by way of what fails; it gives each call up soon. */
  const make = (dockerHost?: string) =>
    createDockerRuntime({
      instance,
      workerImage: need('worker-image'),
      workerSocketSource: directory,
      logger: createLogger('test', 'silent'),
      command: ['/bin/sh', '-c', 'i=0; while [ $i -lt 200 ]; do echo "line $i"; i=$((i+1)); done; exec sleep 600'],
      ...(dockerHost ? { dockerHost, callTimeoutMs: CALL_MS } : {}),
    })

  beforeAll(() => {
    direct = make()
  })
  beforeEach(async () => {
    proxy = await engineProxy(join(directory, 'engine.sock'), new URL(need('docker')).pathname)
    runtime = make(`unix://${proxy.path}`)
    await direct.start(spec('w1'))
  })
  afterEach(async () => {
    await proxy.close()
    await direct.stop('w1', { graceSeconds: 0 })
    await direct.remove('w1')
  })
  afterAll(() => direct.sweep({ workers: [], caches: [] }))

  test.each(['refuse', 'hang', { cutAfter: 60 }, { cutAfter: 500 }] as const)('%p: silence is an error in bounded time and never "no workers"; on its return the first call works', async (mode) => {
    await proxy.set(mode)
    const began = performance.now()
    await expect(runtime.list()).rejects.toThrow()
    await expect(runtime.readLog('w1', null, 100_000)).rejects.toThrow()
    await expect(runtime.ping().then(() => runtime.sweep({ workers: [], caches: [] }))).rejects.toThrow()
    const error = await runtime.start(spec('w2')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'engine_unavailable', permanent: false })
    expect(performance.now() - began).toBeLessThan(8 * CALL_MS)
    await proxy.set('pass')
    const back = performance.now()
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'running' }])
    expect(performance.now() - back).toBeLessThan(1000)
  })

  test('an answer that is cut in the middle of a log loses and doubles nothing', async () => {
    const whole = Array.from({ length: 200 }, (_, index) => `line ${index}\n`).join('')
    for (const deadline = Date.now() + 20_000; (await runtime.readLog('w1', null, 100_000))?.text !== whole; ) if (Date.now() > deadline) throw new Error('its lines did not come')
    let text = ''
    let position: string | null = null
    for (let round = 0; text.length < whole.length; round++) {
      await proxy.set(round % 2 === 0 ? { cutAfter: 400 + round * 97 } : 'pass')
      const piece: LogPiece | null = await runtime.readLog('w1', position, 300).catch(() => null)
      if (piece === null) continue
      text += piece.text
      position = piece.position
    }
    expect(text).toBe(whole)
  }, 60_000)

  test('a container that the engine lost while it was away has ended, and is not adopted', async () => {
    await proxy.set('refuse')
    // What an engine that is started anew finds of its containers.
    await docker.getContainer(containerName(instance, 'w1')).kill()
    await docker.getContainer(containerName(instance, 'w1')).wait()
    await proxy.set('pass')
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'exited', exitCode: 137 }])
    expect(await runtime.start(spec('w1'))).toMatchObject({ status: 'exited', exitCode: 137 })
  })

  test('a container that somebody paused is alive, and stop ends it', async () => {
    await docker.getContainer(containerName(instance, 'w1')).pause()
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'running' }])
    await runtime.stop('w1', { graceSeconds: 1 })
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'exited' }])
  })
})
