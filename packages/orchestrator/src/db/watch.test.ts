import { createLogger } from '@factory/shared'
import { afterEach, describe, expect, test } from 'bun:test'
import { watchStore, type StoreWatch } from './watch.ts'

let watch: StoreWatch | null = null
afterEach(() => watch?.stop())

/** A store that answers, refuses or hangs, as `is` says. */
function store(is: 'answers' | 'refuses' | 'hangs' | 'takes no connection') {
  const seen = { is, cuts: [] as string[], backs: 0, pings: 0 }
  watch = watchStore({
    ping: () => {
      seen.pings++
      return seen.is === 'answers' ? Promise.resolve() : seen.is === 'refuses' ? Promise.reject(new Error('refused')) : seen.is === 'takes no connection' ? Promise.reject(Object.assign(new Error('timed out'), { code: 'CONNECT_TIMEOUT' })) : new Promise(() => {})
    },
    cut: (why) => seen.cuts.push(why),
    onBack: () => (seen.backs += 1),
    log: createLogger('test', 'silent'),
    everyMs: 1,
    awayEveryMs: 1,
    hangsMs: 20,
  })
  return Object.assign(seen, { watch })
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('watchStore', () => {
  test('a store that answers is not away, and nobody is told of a return', async () => {
    const seen = store('answers')
    await seen.watch.answered()
    await until(() => seen.pings > 3)
    expect([seen.watch.away(), seen.backs, seen.cuts]).toEqual([null, 0, []])
  })

  test('one that refuses is away with its words and nothing is cut; its return is told once and ends the waiting', async () => {
    const seen = store('refuses')
    const waited = seen.watch.answered()
    await seen.watch.firstAway
    expect([seen.watch.away(), seen.cuts]).toEqual(['refused', []])
    seen.is = 'answers'
    await waited
    await until(() => seen.pings > 5)
    expect([seen.watch.away(), seen.backs]).toEqual([null, 1])
  })

  test('one that hangs when a connection is opened is cut as well, again and again', async () => {
    const seen = store('takes no connection')
    await until(() => seen.cuts.length > 2)
    expect(seen.watch.away()).toBe('timed out')
  })

  test('one that hangs is cut, so that nothing waits for it', async () => {
    const seen = store('answers')
    await seen.watch.answered()
    seen.is = 'hangs'
    await until(() => seen.cuts.length > 1)
    expect(seen.watch.away()).toBe('no answer within 20 ms')
    seen.is = 'answers'
    await seen.watch.answered()
    expect(seen.backs).toBe(1)
  })

  test('a stop ends the waiting', async () => {
    const seen = store('refuses')
    const waited = seen.watch.answered()
    seen.watch.stop()
    await expect(waited).rejects.toThrow('stopping')
    await expect(seen.watch.answered()).rejects.toThrow('stopping')
  })
})
