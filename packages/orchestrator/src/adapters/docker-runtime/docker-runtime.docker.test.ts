import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@factory/shared'
import { describeWith, need } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import Docker from 'dockerode'
import { workerRuntimeContract } from '../../ports/worker-runtime.contract.ts'
import type { WorkerSpec } from '../../ports/worker-runtime.ts'
import { createDockerRuntime, type DockerRuntimeOptions } from './index.ts'

const logger = createLogger('test', 'silent')
const directory = mkdtempSync(join(tmpdir(), 'factory-socket-'))
chmodSync(directory, 0o755)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const spec = (overrides: Partial<WorkerSpec> = {}): WorkerSpec => ({
  name: `w${Math.floor(performance.now() * 1000)}`,
  runId: 1,
  itemId: 1,
  repo: 'acme/shop',
  cache: 'acme/shop',
  image: null,
  runToken: 'frt_1_made_up',
  limits: { memoryMb: 128, cpus: 1, pids: 64 },
  ...overrides,
})

describeWith(['docker', 'worker-image'], 'workers in Docker', () => {
  const options = (instance: string, script: string): DockerRuntimeOptions => ({
    instance,
    workerImage: need('worker-image'),
    workerSocketSource: directory,
    logger,
    command: ['/bin/sh', '-c', script],
  })

  async function removeCaches(instances: readonly string[]): Promise<void> {
    const docker = new Docker()
    for (const instance of instances) {
      const { Volumes } = await docker.listVolumes({ filters: { name: [`factory-cache-${instance}-`] } })
      for (const volume of Volumes) await docker.getVolume(volume.Name).remove()
    }
  }

  workerRuntimeContract('docker', () => ({
    open: ({ instance, script }) => createDockerRuntime(options(instance, script)),
    allowedEnv: ['FACTORY_GATEWAY_URL', 'FACTORY_RUN_ID', 'FACTORY_RUN_TOKEN', 'FACTORY_WORKSPACE', 'FACTORY_CACHE_DIR', 'CLAUDE_BIN', 'RALPH_COMMAND', 'HOME', 'PATH', 'LANG'],
    cleanUp: removeCaches,
  }))

  /** Runs one worker to its end and gives its exit code and output. */
  async function runOnce(script: string, overrides: Partial<WorkerSpec> = {}, more: Partial<DockerRuntimeOptions> = {}): Promise<{ exitCode: number | null; outOfMemory: boolean; output: string }> {
    const runtime = createDockerRuntime({ ...options('one-off', script), ...more })
    const wanted = spec(overrides)
    await runtime.start(wanted)
    try {
      for (const deadline = Date.now() + 20_000; ; ) {
        const state = (await runtime.list()).find((one) => one.name === wanted.name)
        if (state?.status === 'exited') return { exitCode: state.exitCode, outOfMemory: state.outOfMemory, output: await runtime.tail(wanted.name, 10_000) }
        if (Date.now() > deadline) throw new Error('the worker did not end')
      }
    } finally {
      await runtime.stop(wanted.name, { graceSeconds: 0 })
      await runtime.remove(wanted.name)
      await runtime.close()
    }
  }
  afterAll(() => removeCaches(['one-off']))

  describe('the walls', () => {
    const socket = join(directory, 'gateway.sock')
    let server: ReturnType<typeof Bun.serve>
    beforeAll(() => {
      server = Bun.serve({ unix: socket, fetch: () => new Response('door') })
      chmodSync(socket, 0o666)
    })
    afterAll(() => server.stop(true))

    test('no network but the gateway’s socket, which answers', async () => {
      const { output } = await runOnce(`ls /sys/class/net; /opt/factory/bin/bun -e 'console.log(await (await fetch("http://gateway/", { unix: "/run/factory/gateway.sock" })).text())'`)
      expect(output.trim().split('\n')).toEqual(['lo', 'door'])
    })

    test('an unprivileged user with no capabilities and nothing to write but its own places', async () => {
      const { output, exitCode } = await runOnce(`
        id -u; awk '$2 == "/" || $2 == "/opt/factory" || $2 == "/run/factory" { print $2, substr($4, 1, 2) }' /proc/mounts | sort; grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status
        for place in / /etc /usr /opt/factory /opt/factory/bin /run/factory; do touch $place/x 2>/dev/null && echo "wrote $place"; done
        for place in /tmp /workspace $HOME /cache; do touch $place/x || echo "cannot write $place"; done
        printf '#!/bin/sh\\necho executed' > /workspace/p; chmod +x /workspace/p; /workspace/p`)
      expect(exitCode).toBe(0)
      expect(output.replaceAll('\t', ' ').trim().split('\n')).toEqual(['10001', '/ ro', '/opt/factory ro', '/run/factory ro', 'CapEff: 0000000000000000', 'CapBnd: 0000000000000000', 'NoNewPrivs: 1', 'executed'])
    })

    test('memory has a limit, and who breaks it is seen to', async () => {
      const { outOfMemory, exitCode } = await runOnce('exec head -c 200m /dev/zero | tail')
      expect({ outOfMemory, exitCode }).toEqual({ outOfMemory: true, exitCode: 137 })
    })

    test('a fork bomb meets the limit of processes', async () => {
      const { output } = await runOnce('i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done 2>&1; echo made $i', { limits: { memoryMb: 256, cpus: 1, pids: 32 } })
      expect(output).toMatch(/fork|Cannot/i)
    })
  })

  test('any image with the C library carries a worker: the tools are mounted', async () => {
    const { output, exitCode } = await runOnce('ls /opt/factory/bin; /opt/factory/bin/bun --version; /opt/factory/bin/claude --version', { image: 'debian:trixie-slim', limits: { memoryMb: 512, cpus: 1, pids: 64 } })
    expect(output).toContain('bun\nclaude\nralph\nworker\n1.4.4\n2.1.328')
    expect(exitCode).toBe(0)
  })

  test('an image with places of its own where ours are mounted changes nothing for other workers', async () => {
    const docker = new Docker()
    const volume = 'factory-test-socket-volume'
    const places = '/run/factory /cache /opt/factory'
    const maker = await docker.createContainer({
      Image: 'debian:trixie-slim',
      Entrypoint: ['/bin/sh', '-c', `mkdir -p ${places} && touch /run/factory/gateway.sock && chown -R 4242 ${places} && chmod 700 ${places}`],
    })
    await maker.start()
    await maker.wait()
    await maker.commit({ repo: 'factory-test-own-places', tag: 'latest' })
    await maker.remove()
    try {
      const look = `stat -c '%n %u %a' ${places}; ls /run/factory`
      const { output: before } = await runOnce(look, {}, { workerSocketSource: volume })
      await runOnce('exit 0', { image: 'factory-test-own-places:latest' }, { workerSocketSource: volume })
      expect((await runOnce(look, {}, { workerSocketSource: volume })).output).toBe(before)
      expect(before).toContain('/cache 10001 755\n')
      expect(before).not.toContain('gateway.sock')
    } finally {
      await docker.getImage('factory-test-own-places:latest').remove()
      await docker.getVolume(volume).remove()
    }
  })

  test('a program that is not there ends with 127, as the init process reports it', async () => {
    expect(await runOnce('', {}, { command: ['/opt/factory/bin/nothing-here'] })).toMatchObject({ exitCode: 127 })
  })

  test('an image that cannot be had is unusable and leaves nothing behind', async () => {
    await expect(runOnce('exit 0', { image: 'factory-test-no-such-image:never' })).rejects.toMatchObject({ code: 'image_unusable' })
    for (const image of ['NOT A NAME', 'Upper/case', 'a/../../containers/b', '']) await expect(runOnce('exit 0', { image })).rejects.toMatchObject({ code: 'image_unusable', permanent: true })
    expect(await createDockerRuntime(options('one-off', 'exit 0')).list()).toEqual([])
  })

  test('the authorities of the host are given where set', async () => {
    const { output } = await runOnce('echo $SSL_CERT_FILE; head -c 5 $SSL_CERT_FILE', {}, { workerCaFile: '/etc/hostname' })
    expect(output).toStartWith('/etc/factory-ca.pem\n')
  })
})

describe('an engine that does not answer', () => {
  const at = (socketPath: string) => createDockerRuntime({ instance: 'silent', workerImage: 'x', workerSocketSource: directory, logger, dockerHost: `unix://${socketPath}`, callTimeoutMs: 200 })

  async function expectAway(socketPath: string): Promise<void> {
    const runtime = at(socketPath)
    await expect(runtime.start(spec())).rejects.toMatchObject({ code: 'engine_unavailable', permanent: false })
    await expect(runtime.prepare()).rejects.toMatchObject({ code: 'engine_unavailable' })
    await expect(runtime.list()).rejects.toThrow()
    await expect(runtime.stop('w', { graceSeconds: 0 })).rejects.toThrow()
    await expect(runtime.remove('w')).rejects.toThrow()
    await expect(runtime.ping()).rejects.toThrow()
  }

  test('no socket there', () => expectAway(join(directory, 'nothing.sock')))

  test('a socket that takes the call and says nothing', async () => {
    const path = join(directory, 'frozen.sock')
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const runtime = at(path)
    await expect(runtime.start(spec())).rejects.toMatchObject({ code: 'engine_unavailable', permanent: false })
    await expect(runtime.list()).rejects.toThrow('did not answer')
    await expect(runtime.ping()).rejects.toThrow('did not answer')
    server.close()
  })
})
