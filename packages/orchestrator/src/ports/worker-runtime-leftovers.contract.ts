import { readdirSync } from 'node:fs'
import { expect, test } from 'bun:test'
import { commandOf, parentOf, processesWith, stateOf, unique, until, type RuntimeKit } from './worker-runtime.fixture.ts'
import type { Needed, WorkerRuntime } from './worker-runtime.ts'

/** The part of the contract suite about what is left: by workers that froze or ended unseen, and in caches. */
export function leftoverContract({ spec, open, find, exited }: RuntimeKit): void {
  test('a worker that ended while nobody was there is found with its exit code and its output', async () => {
    const instance = unique()
    const first = open('echo last words; exit 42', instance)
    const wanted = spec()
    await first.start(wanted)
    await first.close()
    const second = open('exit 0', instance)
    expect(await exited(second, wanted.name)).toMatchObject({ exitCode: 42 })
    expect((await second.readLog(wanted.name, null, 1000))?.text).toBe('last words\n')
    expect((await second.start(wanted)).status).toBe('exited')
  })

  test('stop ends a worker that is frozen, with what it started', async () => {
    const needle = `${700_000 + Math.floor(performance.now())}.${unique().length}${process.pid}`
    const runtime = open(`sleep ${needle} & setsid sh -c 'sleep ${needle} & kill -STOP $$' & sleep 0.1; kill -STOP $$; exec sleep ${needle}`)
    const wanted = spec()
    await runtime.start(wanted)
    await until('the sleepers', () => Promise.resolve(processesWith(needle).length >= 2))
    const frozen = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && stateOf(pid) === 'T' && commandOf(pid).includes(needle))
    await until('frozen shells', () => Promise.resolve(frozen().length >= 2))
    await runtime.stop(wanted.name, { graceSeconds: 1 })
    expect(processesWith(needle)).toEqual([])
    expect(frozen()).toEqual([])
    expect((await find(runtime, wanted.name))?.status).toBe('exited')
    await runtime.remove(wanted.name)
  })

  test('stop is not held up by a process that has ended and that nobody waited for', async () => {
    const needle = `${800_000 + Math.floor(performance.now())}.${unique().length}${process.pid}`
    const runtime = open(`(exit 0) & exec sleep ${needle}`)
    const wanted = spec()
    await runtime.start(wanted)
    const zombies = () => processesWith(needle).some((pid) => readdirSync('/proc').some((child) => /^\d+$/.test(child) && stateOf(child) === 'Z' && parentOf(child) === pid))
    await until('a zombie', () => Promise.resolve(zombies()))
    await runtime.stop(wanted.name, { graceSeconds: 0 })
    expect(processesWith(needle)).toEqual([])
    expect((await find(runtime, wanted.name))?.status).toBe('exited')
  })

  /** Runs a worker to its end and gives what it said. */
  async function say(runtime: WorkerRuntime, cache: string): Promise<string> {
    const wanted = spec({ cache })
    await runtime.start(wanted)
    expect(await exited(runtime, wanted.name)).toMatchObject({ exitCode: 0 })
    const text = await runtime.tail(wanted.name, 100)
    await runtime.remove(wanted.name)
    return text.trim()
  }
  /** Without the tools of images that are gone: those belong to no instance, and others leave some, too. */
  const sweep = async (runtime: WorkerRuntime, needed: Needed) => (await runtime.sweep(needed)).filter((name) => !name.startsWith('factory-tools-'))
  const VISIT = 'set -e; cat "$FACTORY_CACHE_DIR/c" 2>/dev/null || echo empty; echo kept > "$FACTORY_CACHE_DIR/c"'

  test('a sweep removes the caches that are not needed, once, and no other instance’s', async () => {
    const instance = unique()
    const runtime = open(VISIT, instance)
    const other = open(VISIT, `${instance}-0`)
    for (const cache of ['acme/shop', 'acme/old']) expect(await say(runtime, cache)).toBe('empty')
    expect(await say(other, 'acme/old')).toBe('empty')
    expect(await sweep(runtime, { workers: [], caches: ['Acme/Shop'] })).toHaveLength(1)
    expect(await sweep(runtime, { workers: [], caches: ['acme/shop'] })).toEqual([])
    expect(await say(runtime, 'acme/shop')).toBe('kept')
    expect(await say(runtime, 'acme/old')).toBe('empty')
    expect(await say(other, 'acme/old')).toBe('kept')
    // Removed by another process, too.
    expect(await sweep(open('exit 0', instance), { workers: [], caches: [] })).toHaveLength(2)
    expect(await say(runtime, 'acme/shop')).toBe('empty')
  }, 60_000)

  test('a sweep takes no cache from a worker that is there, living or ended, whoever sweeps', async () => {
    const instance = unique()
    const runtime = open(`${VISIT}; [ -e "$FACTORY_CACHE_DIR/stay" ] || { touch "$FACTORY_CACHE_DIR/stay"; echo stays; exec sleep 600; }`, instance)
    const wanted = spec()
    await runtime.start(wanted)
    await until('its visit', async () => (await runtime.tail(wanted.name, 100)).includes('stays'))
    expect(await sweep(open('exit 0', instance), { workers: [wanted.name], caches: [] })).toEqual([])
    await runtime.stop(wanted.name, { graceSeconds: 0 })
    expect(await sweep(runtime, { workers: [wanted.name], caches: [] })).toEqual([])
    expect(await say(runtime, 'acme/shop')).toBe('kept')
    await runtime.remove(wanted.name)
    expect(await sweep(runtime, { workers: [], caches: [] })).toHaveLength(1)
  }, 60_000)

  test('a worker that starts while its cache is swept has one that it can write to', async () => {
    const runtime = open(VISIT)
    for (let round = 0; round < 4; round++) {
      const sweeping = async () => {
        for (let times = 0; times < 5; times++) await sweep(runtime, { workers: [], caches: [] })
      }
      const [said] = await Promise.all([say(runtime, 'acme/shop'), sweeping()])
      expect(['empty', 'kept']).toContain(said)
    }
  }, 60_000)
}
