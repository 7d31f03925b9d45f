import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@factory/shared'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterAll, expect, test } from 'bun:test'
import Docker from 'dockerode'
import type { WorkerRuntime } from '../../ports/worker-runtime.ts'
import { cacheVolume, containerName } from './container-options.ts'
import { createDockerRuntime } from './index.ts'
import { LABELS } from './options.ts'
import { toolsVolumeOf } from './volumes.ts'

const directory = mkdtempSync(join(tmpdir(), 'factory-sweep-'))
chmodSync(directory, 0o755)
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const NOTHING = { workers: [], caches: [] }
const later = () => Date.now() + 11 * 60_000

describeWith(['docker', 'worker-image'], 'what is left on an engine', () => {
  const docker = new Docker()
  const instance = `sweep${process.pid.toString(36)}`
  const open = (options: { now?: () => number; image?: string; instance?: string } = {}): WorkerRuntime =>
    createDockerRuntime({
      instance: options.instance ?? instance,
      workerImage: options.image ?? need('worker-image'),
      workerSocketSource: directory,
      logger: createLogger('test', 'silent'),
      command: ['/bin/sh', '-c', 'exit 0'],
      ...(options.now ? { now: options.now } : {}),
    })
  /** Of this test alone: tools of images that others left behind may go at the same time. */
  const swept = async (runtime: WorkerRuntime) => (await runtime.sweep(NOTHING)).filter((name) => name.includes(instance))
  const isThere = (look: Promise<unknown>) => look.then(() => true, () => false)

  async function runOnce(runtime: WorkerRuntime): Promise<void> {
    await runtime.start({ name: 'w1', runId: 1, itemId: 1, repo: 'acme/shop', cache: 'acme/shop', image: null, runToken: 'frt_1_made_up', limits: { memoryMb: 128, cpus: 1, pids: 64 } })
    await runtime.stop('w1', { graceSeconds: 0 })
  }

  test('all that a start makes says whose it is', async () => {
    const runtime = open()
    await runOnce(runtime)
    expect((await docker.getContainer(containerName(instance, 'w1')).inspect()).Config.Labels).toMatchObject({ [LABELS.instance]: instance, [LABELS.name]: 'w1', [LABELS.run]: '1', [LABELS.item]: '1' })
    expect((await docker.getVolume(cacheVolume(instance, 'acme/shop')).inspect()).Labels).toEqual({ [LABELS.instance]: instance, [LABELS.cache]: 'acme/shop' })
    const { Id } = await docker.getImage(need('worker-image')).inspect()
    expect((await docker.getContainer(toolsVolumeOf(Id)).inspect()).Config.Labels).toMatchObject({ [LABELS.tools]: 'true' })
    await runtime.remove('w1')
    expect(await swept(runtime)).toEqual([cacheVolume(instance, 'acme/shop')])
  })

  test('a helper that a crash left goes once it is old, and with it what it held', async () => {
    const volume = cacheVolume(instance, 'acme/crashed')
    const others = cacheVolume(`${instance}-0`, 'acme/crashed')
    const fill = (name: string) => docker.createContainer({ name: `${name}-init`, Image: need('worker-image'), Entrypoint: ['/bin/true'], HostConfig: { Mounts: [{ Type: 'volume', Source: name, Target: '/cache' }] } })
    await fill(volume)
    const stranger = await fill(others)
    try {
      expect(await swept(open())).toEqual([])
      expect(await swept(open({ now: later }))).toEqual([`${volume}-init`, volume])
      expect(await isThere(stranger.inspect())).toBe(true)
    } finally {
      await stranger.remove()
      await docker.getVolume(others).remove()
    }
  })

  test('a network in our name goes once it is old and nobody is on it', async () => {
    const make = (name: string, of: string) => docker.createNetwork({ Name: name, Internal: true, Labels: { [LABELS.instance]: of } })
    const used = await make(`${instance}-used`, instance)
    const unused = await make(`${instance}-unused`, instance)
    const stranger = await make(`${instance}-stranger`, `${instance}-0`)
    const guest = await docker.createContainer({ Image: need('worker-image'), Entrypoint: ['/bin/sleep', '600'], HostConfig: { NetworkMode: `${instance}-used` } })
    try {
      await guest.start()
      expect(await swept(open())).toEqual([])
      expect(await swept(open({ now: later }))).toEqual([`${instance}-unused`])
      expect(await Promise.all([used, unused, stranger].map((one) => isThere(one.inspect())))).toEqual([true, false, true])
    } finally {
      await guest.remove({ force: true })
      await used.remove()
      await stranger.remove()
    }
  })

  test('tools of an image go when it has lost its name, is not the present one, is old, and nobody uses them', async () => {
    const tag = `factory-test-tools-${process.pid}`
    const build = async (content: string): Promise<string> => {
      const maker = await docker.createContainer({ Image: 'debian:trixie-slim', Entrypoint: ['/bin/sh', '-c', `mkdir -p /opt/factory /cache && echo ${content} > /opt/factory/tool`] })
      await maker.start()
      await maker.wait()
      await maker.commit({ repo: tag, tag: 'latest' })
      await maker.remove()
      return toolsVolumeOf((await docker.getImage(tag).inspect()).Id)
    }
    const there = (volume: string) => isThere(docker.getVolume(volume).inspect())
    const sweep = async (now?: () => number) => (await open({ image: tag, ...(now ? { now } : {}) }).sweep({ workers: [], caches: ['acme/shop'] })).filter((name) => volumes.includes(name))
    const volumes: string[] = []
    try {
      const first = await build('first')
      volumes.push(first)
      await open({ image: tag }).prepare()
      expect(await sweep(later)).toEqual([])
      // Another factory, for which another image is the present one, leaves it alone: it has its name.
      expect((await open({ now: later }).sweep(NOTHING)).filter((name) => volumes.includes(name))).toEqual([])
      await build('second').then((second) => volumes.push(second))
      const runtime = open({ image: tag })
      await runtime.prepare()
      expect(await sweep()).toEqual([])
      const user = await docker.createContainer({ Image: tag, Entrypoint: ['/bin/true'], HostConfig: { Mounts: [{ Type: 'volume', Source: first, Target: '/x' }] } })
      expect(await sweep(later)).toEqual([])
      await user.remove()
      // Killed after the container that filled it was removed, and before the volume was.
      await docker.getContainer(first).remove()
      expect(await sweep(later)).toEqual([first])
      expect(await Promise.all(volumes.map(there))).toEqual([false, true])
      expect(await sweep(later)).toEqual([])
    } finally {
      for (const volume of volumes) {
        await docker.getContainer(volume).remove().catch(() => undefined)
        await docker.getVolume(volume).remove().catch(() => undefined)
      }
      await docker.getImage(tag).remove()
      await open().sweep(NOTHING)
    }
  }, 60_000)
})
