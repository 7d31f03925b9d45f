import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'bun:test'
import { workerRuntimeContract } from '../../ports/worker-runtime.contract.ts'
import { createProcessRuntime } from './index.ts'
import { parseStat } from './proc.ts'
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

  test('a command with parentheses and spaces does not confuse the reader of stat', () => {
    const fields = Array.from({ length: 30 }, (_, index) => String(index + 4))
    expect(parseStat(`42 (a) b (c) S ${fields.join(' ')}`)).toEqual({ pid: 42, state: 'S', parent: 4, startTicks: '22' })
    expect(parseStat('')).toBeNull()
  })
})
