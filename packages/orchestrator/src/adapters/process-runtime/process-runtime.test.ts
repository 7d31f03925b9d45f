import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'bun:test'
import { workerRuntimeContract } from '../../ports/worker-runtime.contract.ts'
import type { WorkerRuntime } from '../../ports/worker-runtime.ts'
import { WorkerDirectory } from './directory.ts'
import { createProcessRuntime } from './index.ts'
import { findProcess, parseStat } from './proc.ts'
import { selectOfWorker } from './select.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'factory-process-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

const PATH = '/usr/local/bin:/usr/bin:/bin'
const base = { dataDir, gatewayUrl: 'http://127.0.0.1:3002', claudeBin: '/nowhere/claude', ralphCommand: 'ralph', path: PATH }
const spec = { runId: 1, itemId: 1, repo: 'acme/shop', cache: 'acme/shop', image: null, runToken: 'frt_1_x', limits: { memoryMb: 1, cpus: 1, pids: 1 } }

workerRuntimeContract('process', () => ({
  open: ({ instance, script }) => createProcessRuntime({ ...base, instance, command: ['/bin/sh', '-c', script] }),
  allowedEnv: ['FACTORY_GATEWAY_URL', 'FACTORY_RUN_ID', 'FACTORY_RUN_TOKEN', 'FACTORY_WORKSPACE', 'FACTORY_CACHE_DIR', 'CLAUDE_BIN', 'RALPH_COMMAND', 'HOME', 'TMPDIR', 'PATH', 'LANG', 'FACTORY_WORKER_MARK'],
}))

describe('workers as processes', () => {
  test('a worker survives the death of the orchestrator that started it', async () => {
    const program = `
      import { createProcessRuntime } from ${JSON.stringify(join(import.meta.dir, 'index.ts'))}
      const runtime = createProcessRuntime(${JSON.stringify({ ...base, instance: 'survive', command: ['/bin/sh', '-c', 'echo up; exec sleep 600'] })})
      await runtime.start(${JSON.stringify({ ...spec, name: 'w1' })})
      console.log('started')
      setInterval(() => {}, 1000)`
    const parent = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'inherit' })
    const reader = parent.stdout.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('started')
    parent.kill('SIGKILL')
    await parent.exited
    const runtime = createProcessRuntime({ ...base, instance: 'survive', command: ['/bin/false'] })
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'running' }])
    await runtime.stop('w1', { graceSeconds: 0 })
    expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'exited', exitCode: 137 }])
    await runtime.remove('w1')
    expect(await runtime.list()).toEqual([])
  })

  test('a command that is not there ends as a shell reports it, and prepare says so beforehand', async () => {
    const runtime = createProcessRuntime({ ...base, instance: 'absent', command: ['/nowhere/worker'] })
    await expect(runtime.prepare()).rejects.toThrow('/nowhere/worker')
    await runtime.start({ ...spec, name: 'w1' })
    for (;;) {
      const [state] = await runtime.list()
      if (state?.status === 'exited') break
    }
    expect(await runtime.list()).toMatchObject([{ exitCode: 127 }])
    await runtime.remove('w1')
  })

  /** A worker that sleeps, its directory, and the processes that carry it. */
  async function sleeper(instance: string): Promise<{ runtime: WorkerRuntime; directory: WorkerDirectory; needle: string; pids(): number[] }> {
    const needle = `${900_000 + Math.floor(performance.now())}.${process.pid}`
    const runtime = createProcessRuntime({ ...base, instance, command: ['/bin/sh', '-c', `sleep ${needle} & wait`] })
    await runtime.start({ ...spec, name: 'w1' })
    const pids = () => Bun.spawnSync(['pgrep', '-f', needle]).stdout.toString().split('\n').filter(Boolean).map(Number)
    for (const deadline = Date.now() + 10_000; pids().length < 3; ) if (Date.now() > deadline) throw new Error('the worker did not come up')
    return { runtime, directory: new WorkerDirectory(join(dataDir, 'workers', instance), 'w1'), needle, pids }
  }

  test('a tree that is frozen as a whole, what carries it too, is ended for certain', async () => {
    const { runtime, pids } = await sleeper('frozen')
    for (const pid of pids()) process.kill(pid, 'SIGSTOP')
    await runtime.stop('w1', { graceSeconds: 1 })
    expect(pids()).toEqual([])
    expect(await runtime.list()).toMatchObject([{ status: 'exited', exitCode: 137 }])
    await runtime.remove('w1')
  })

  test.each([
    ['whose pid went to somebody else', (directory: WorkerDirectory, stranger: number) => writeFileSync(directory.file('stat'), readFileSync(directory.file('stat'), 'utf8').replace(/^\d+/, String(stranger)))],
    ['that was carried before the machine was started anew', (directory: WorkerDirectory, stranger: number) => {
      writeFileSync(directory.file('boot'), 'another-boot\n')
      writeFileSync(directory.file('stat'), readFileSync(`/proc/${stranger}/stat`, 'utf8'))
    }],
  ])('a worker %s has ended; the stranger lives on', async (_what, change) => {
    const { runtime, directory, pids } = await sleeper('reused')
    for (const pid of pids()) process.kill(pid, 'SIGKILL')
    for (const deadline = Date.now() + 10_000; pids().length > 0; ) if (Date.now() > deadline) throw new Error('they did not end')
    const stranger = Bun.spawn(['sleep', '600'])
    try {
      change(directory, stranger.pid)
      expect(await runtime.list()).toMatchObject([{ name: 'w1', status: 'exited', exitCode: null }])
      expect((await runtime.start({ ...spec, name: 'w1' })).status).toBe('exited')
      await runtime.stop('w1', { graceSeconds: 0 })
      await runtime.remove('w1')
      expect(await runtime.list()).toEqual([])
      expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null])
    } finally {
      stranger.kill('SIGKILL')
    }
  })

  test('a log that is shorter than what was read of it (a crash of the machine) is not read twice', async () => {
    const runtime = createProcessRuntime({ ...base, instance: 'short', command: ['/bin/sh', '-c', 'echo one; echo two'] })
    await runtime.start({ ...spec, name: 'w1' })
    for (const deadline = Date.now() + 10_000; (await runtime.list())[0]?.status !== 'exited'; ) if (Date.now() > deadline) throw new Error('it did not end')
    const read = await runtime.readLog('w1', null, 100)
    truncateSync(new WorkerDirectory(join(dataDir, 'workers', 'short'), 'w1').file('log'), 4)
    expect(await runtime.readLog('w1', read?.position ?? null, 100)).toEqual({ text: '', position: '8' })
    await expect(runtime.readLog('w1', 'nonsense', 100)).rejects.toThrow('no position')
    await runtime.remove('w1')
  })

  test('a start that was interrupted before its card was written, or whose card is damaged, is swept once it is old', async () => {
    const open = (now?: () => number) => createProcessRuntime({ ...base, instance: 'half', command: ['/bin/false'], ...(now ? { now } : {}) })
    const later = () => Date.now() + 11 * 60_000
    const root = join(dataDir, 'workers', 'half')
    for (const name of ['no-card', 'damaged', 'needed']) mkdirSync(join(root, name, 'home'), { recursive: true })
    writeFileSync(join(root, 'damaged', 'worker.json'), '{"name":"dam')
    expect(await open().list()).toEqual([])
    expect(await open().sweep({ workers: [], caches: [] })).toEqual([])
    expect((await open(later).sweep({ workers: ['needed'], caches: [] })).sort()).toEqual(['damaged', 'no-card'])
    expect(readdirSync(root)).toEqual(['needed'])
  })

  test('a sweep that was killed in the middle of a cache goes on with it', async () => {
    const runtime = createProcessRuntime({ ...base, instance: 'cut', command: ['/bin/false'] })
    const left = join(dataDir, 'cache', 'cut', 'aaaaaaaaaaaaaaaa.0.removed')
    mkdirSync(join(left, 'deep'), { recursive: true })
    await runtime.sweep({ workers: [], caches: [] })
    expect(existsSync(left)).toBe(false)
  })

  test('removing a worker ends the server it left behind', async () => {
    const needle = `7${process.pid}.25`
    const runtime = createProcessRuntime({ ...base, instance: 'orphan', command: ['/bin/sh', '-c', `setsid env -i HOME="$HOME/x" sleep ${needle} & exit 0`] })
    await runtime.start({ ...spec, name: 'w1' })
    const left = () => Bun.spawnSync(['pgrep', '-f', `sleep ${needle}`]).exitCode === 0
    for (const deadline = Date.now() + 10_000; !left() || (await runtime.list())[0]?.status !== 'exited'; ) if (Date.now() > deadline) throw new Error('the server did not come up')
    await runtime.remove('w1')
    expect(left()).toBe(false)
  })
})

describe('which processes are a worker’s', () => {
  const mark = { variable: 'M', value: 'f/w1', directory: '/data/w1' }
  const one = (pid: number, parent: number, environ = '') => ({ pid, parent, environ })

  test('by mark, by home, by descent whatever the order of pids; nobody else', () => {
    const processes = [one(5, 9), one(9, 1, 'A=1\0M=f/w1\0'), one(10, 1, 'HOME=/data/w1/home\0'), one(11, 1, 'M=f/w10\0'), one(12, 1, 'HOME=/data/w10/home\0'), one(13, 1, 'PWD=/data/w1/workspace\0'), one(14, 20), one(20, 1)]
    expect(selectOfWorker(processes, mark, 20).map((found) => found.pid)).toEqual([5, 9, 10, 14, 20])
  })

  test('one that has ended and that its parent did not wait for is not alive', async () => {
    const parent = Bun.spawn(['/bin/sh', '-c', 'sleep 600 & echo $!; exec sleep 600'], { stdout: 'pipe' })
    try {
      const pid = Number(new TextDecoder().decode((await parent.stdout.getReader().read()).value))
      expect(findProcess(pid)).toMatchObject({ pid, parent: parent.pid })
      process.kill(pid, 'SIGKILL')
      const state = () => parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.state
      for (const deadline = Date.now() + 10_000; state() !== 'Z'; ) if (Date.now() > deadline) throw new Error('it did not end')
      expect(findProcess(pid)).toBeNull()
    } finally {
      parent.kill('SIGKILL')
    }
  })

  test('a command with parentheses and spaces does not confuse the reader of stat', () => {
    const fields = Array.from({ length: 30 }, (_, index) => String(index + 4))
    expect(parseStat(`42 (a) b (c) S ${fields.join(' ')}`)).toEqual({ pid: 42, state: 'S', parent: 4, startTicks: '22' })
    expect(parseStat('')).toBeNull()
  })
})
