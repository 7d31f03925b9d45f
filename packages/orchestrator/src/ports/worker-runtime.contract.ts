import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { leftoverContract } from './worker-runtime-leftovers.contract.ts'
import { logContract } from './worker-runtime-logs.contract.ts'
import { processesWith, unique, until } from './worker-runtime.fixture.ts'
import type { WorkerRuntime, WorkerSpec, WorkerState } from './worker-runtime.ts'

export type RuntimeUnderTest = {
  /** A fresh adapter on the same engine or directory, whose workers execute `/bin/sh -c script`. */
  open(options: { instance: string; script: string }): WorkerRuntime
  /** Exactly the variables a worker may see, besides those a shell sets for itself. */
  allowedEnv: readonly string[]
  cleanUp?(instances: readonly string[]): Promise<void>
}

/** Variables that /bin/sh, the init process or the engine add. */
const OF_THE_SHELL = new Set(['PWD', 'OLDPWD', 'SHLVL', '_', 'HOSTNAME'])
const SECRET = 'do-not-hand-this-to-a-worker'

export function workerRuntimeContract(name: string, setUp: () => Promise<RuntimeUnderTest> | RuntimeUnderTest): void {
  describe(`${name} keeps the promise of WorkerRuntime`, () => {
    let part: RuntimeUnderTest
    const instances: string[] = []
    const opened: { runtime: WorkerRuntime; names: Set<string> }[] = []

    const spec = (overrides: Partial<WorkerSpec> = {}): WorkerSpec => ({
      name: unique(),
      runId: 7,
      itemId: 3,
      repo: 'acme/shop',
      cache: 'acme/shop',
      image: null,
      runToken: 'frt_7_made_up_for_this_test',
      limits: { memoryMb: 256, cpus: 1, pids: 64 },
      ...overrides,
    })

    function open(script: string, instance = unique()): WorkerRuntime {
      const runtime = part.open({ instance, script })
      instances.push(instance)
      opened.push({ runtime, names: new Set() })
      return runtime
    }

    const find = async (runtime: WorkerRuntime, wanted: string): Promise<WorkerState | undefined> => (await runtime.list()).find((state) => state.name === wanted)
    const exited = (runtime: WorkerRuntime, wanted: string) =>
      until(`${wanted} to end`, async () => {
        const state = await find(runtime, wanted)
        return state?.status === 'exited' ? state : null
      })

    beforeAll(async () => {
      process.env.GITHUB_TOKEN_OF_THE_TEST = SECRET
      part = await setUp()
    })
    afterEach(async () => {
      for (const { runtime } of opened.splice(0)) {
        for (const state of await runtime.list()) {
          await runtime.stop(state.name, { graceSeconds: 0 })
          await runtime.remove(state.name)
        }
        await runtime.close()
      }
    })
    afterAll(async () => {
      delete process.env.GITHUB_TOKEN_OF_THE_TEST
      await part.cleanUp?.(instances)
    })

    test('the engine answers and prepare can be repeated', async () => {
      const runtime = open('exit 0')
      await runtime.ping()
      await runtime.prepare()
      await runtime.prepare()
      expect(runtime.isolation.length).toBeGreaterThan(10)
    })

    test('a worker runs, its exit code and output stay until it is removed', async () => {
      const runtime = open('echo to stdout; echo to stderr >&2; exit 42')
      const wanted = spec()
      const started = await runtime.start(wanted)
      expect(started).toMatchObject({ name: wanted.name, runId: 7 })
      expect(await exited(runtime, wanted.name)).toEqual({ name: wanted.name, runId: 7, status: 'exited', exitCode: 42, outOfMemory: false })
      const output = await runtime.tail(wanted.name, 1000)
      expect(output).toContain('to stdout\n')
      expect(output).toContain('to stderr\n')
      await runtime.remove(wanted.name)
      expect(await find(runtime, wanted.name)).toBeUndefined()
      expect(await runtime.tail(wanted.name, 1000)).toBe('')
    })

    test('start is idempotent by name, also when called twice at once, by two orchestrators too, and after the end', async () => {
      const instance = unique()
      const runtime = open('echo began; exec sleep 600', instance)
      const wanted = spec()
      await Promise.all([runtime.start(wanted), runtime.start(wanted), open('echo began; exec sleep 600', instance).start(wanted)])
      await until('output', async () => (await runtime.tail(wanted.name, 100)).includes('began'))
      expect((await runtime.start(wanted)).status).toBe('running')
      expect(await runtime.list()).toHaveLength(1)
      expect(await runtime.tail(wanted.name, 100)).toBe('began\n')
      await runtime.stop(wanted.name, { graceSeconds: 0 })
      expect((await runtime.start(wanted)).status).toBe('exited')
      expect(await runtime.tail(wanted.name, 100)).toBe('began\n')
    })

    test('another adapter of the same instance finds, reads and stops the workers; another instance sees nothing', async () => {
      const instance = unique()
      const first = open('echo hello; exec sleep 600', instance)
      const living = spec()
      await first.start(living)
      await until('output', async () => (await first.tail(living.name, 100)).includes('hello'))
      await first.close()
      const second = open('exit 9', instance)
      const stranger = open('exit 0')
      expect(await find(second, living.name)).toMatchObject({ name: living.name, runId: 7, status: 'running', exitCode: null })
      expect((await second.start(living)).status).toBe('running')
      expect(await stranger.list()).toEqual([])
      expect(await stranger.tail(living.name, 100)).toBe('')
      await stranger.stop(living.name, { graceSeconds: 0 })
      expect((await find(second, living.name))?.status).toBe('running')
      await second.stop(living.name, { graceSeconds: 0 })
      const ended = await find(second, living.name)
      expect(ended?.status).toBe('exited')
      // By SIGTERM or SIGKILL: an engine sends both even without grace.
      expect([137, 143]).toContain(ended?.exitCode ?? 0)
    })

    test('stop lets the worker end by itself and keeps the code it ends with', async () => {
      const runtime = open('trap "echo ending; exit 143" TERM; echo ready; while :; do sleep 0.05; done')
      const wanted = spec()
      await runtime.start(wanted)
      await until('ready', async () => (await runtime.tail(wanted.name, 100)).includes('ready'))
      await runtime.stop(wanted.name, { graceSeconds: 20 })
      expect(await find(runtime, wanted.name)).toMatchObject({ status: 'exited', exitCode: 143 })
      expect(await runtime.tail(wanted.name, 100)).toContain('ending')
    })

    test('stop ends what the worker started, in sessions of their own and deaf to SIGTERM too', async () => {
      const needle = `${600_000 + Math.floor(performance.now())}.${unique().length}${process.pid}`
      const runtime = open(`trap "" TERM; setsid sh -c 'trap "" TERM; (setsid sleep ${needle} &) ; exec sleep ${needle}' & sleep ${needle} & wait; exec sleep ${needle}`)
      const wanted = spec()
      await runtime.start(wanted)
      await until('three sleepers', () => Promise.resolve(processesWith(needle).length >= 3))
      await runtime.stop(wanted.name, { graceSeconds: 1 })
      expect(processesWith(needle)).toEqual([])
      expect((await find(runtime, wanted.name))?.status).toBe('exited')
    })

    test('a running worker cannot be removed', async () => {
      const runtime = open('exec sleep 600')
      const wanted = spec()
      await runtime.start(wanted)
      await expect(runtime.remove(wanted.name)).rejects.toThrow()
      expect((await find(runtime, wanted.name))?.status).toBe('running')
    })

    test('an unknown name is stopped and removed already', async () => {
      const runtime = open('exit 0')
      await runtime.stop('never-was', { graceSeconds: 1 })
      await runtime.remove('never-was')
      expect(await runtime.tail('never-was', 100)).toBe('')
    })

    test('a name that could be a path or a flag is refused for good', async () => {
      const runtime = open('exit 0')
      for (const bad of ['../escape', '-rf', 'a/b', '']) await expect(runtime.start(spec({ name: bad }))).rejects.toMatchObject({ code: 'start_failed', permanent: true })
      expect(await runtime.list()).toEqual([])
    })

    test('the environment holds what the worker needs and nothing else', async () => {
      const runtime = open('env; echo end-of-env')
      const wanted = spec()
      await runtime.start(wanted)
      await exited(runtime, wanted.name)
      const output = await until('the environment', async () => {
        const text = await runtime.tail(wanted.name, 20_000)
        return text.includes('end-of-env') ? text : null
      })
      const seen = Object.fromEntries(
        output
          .split('\n')
          .filter((line) => line.includes('='))
          .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      )
      expect(
        Object.keys(seen)
          .filter((key) => !OF_THE_SHELL.has(key))
          .sort(),
      ).toEqual([...part.allowedEnv].sort())
      expect(output).not.toContain(SECRET)
      expect(seen.FACTORY_RUN_TOKEN).toBe(wanted.runToken)
      expect(seen.FACTORY_RUN_ID).toBe('7')
    })

    test('workspace, home and cache are writable, and the cache is kept for those of its name alone', async () => {
      const instance = unique()
      const script = 'set -e; touch "$FACTORY_WORKSPACE/w" "$HOME/h"; cat "$FACTORY_CACHE_DIR/c" 2>/dev/null || echo empty; echo kept > "$FACTORY_CACHE_DIR/c"'
      const runtime = open(script, instance)
      const said: string[] = []
      for (const cache of ['acme/shop', 'acme/shop', 'acme/shop#clean-room']) {
        const wanted = spec({ cache })
        await runtime.start(wanted)
        expect(await exited(runtime, wanted.name)).toMatchObject({ exitCode: 0 })
        said.push((await runtime.tail(wanted.name, 100)).trim())
      }
      expect(said).toEqual(['empty', 'kept', 'empty'])
    })

    test('tail gives the last bytes, beginning at a whole character', async () => {
      const runtime = open('i=0; while [ $i -lt 200 ]; do printf "äöü%03d\\n" $i; i=$((i+1)); done')
      const wanted = spec()
      await runtime.start(wanted)
      await exited(runtime, wanted.name)
      const text = await until('all lines', async () => {
        const found = await runtime.tail(wanted.name, 14)
        return found.endsWith('199\n') ? found : null
      })
      // 14 bytes cut the first ä of the line before the last … in its middle or before; no half letters.
      expect(text).not.toContain('\uFFFD')
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(14)
      expect(text.endsWith('äöü199\n')).toBe(true)
      expect(await runtime.tail(wanted.name, 0)).toBe('')
    })

    logContract({ spec, open, find, exited })
    leftoverContract({ spec, open, find, exited })
  })
}
