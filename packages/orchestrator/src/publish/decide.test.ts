import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ForgeErrorCode, ForgePull } from '../ports/forge.ts'
import { decidePull, nextTry } from './decide.ts'

const pull = (over: Partial<ForgePull>): ForgePull => ({ number: 1, url: 'u', state: 'open', merged: false, draft: false, title: 't', body: 'b', headBranch: 'h', headSha: 's', baseBranch: 'main', ...over })
const now = new Date('2026-03-01T12:00:00Z')

describe('exactly one pull request', () => {
  test.each([
    ['none yet', [], 'create'],
    ['an open one', [pull({})], 'update'],
    ['an open one beside an older closed one', [pull({}), pull({ number: 2, state: 'closed' })], 'update'],
    ['a merged one', [pull({ state: 'closed', merged: true })], 'keep'],
  ] as const)('%s', (_name, existing, expected) => {
    expect(decidePull(existing).do).toBe(expected)
  })

  test('one that a person closed is opened again, not doubled', () => {
    expect(decidePull([pull({ state: 'closed' })])).toMatchObject({ do: 'update', reopen: true })
  })
})

test('of several that somebody made: the open one, else the merged one, else the newest, whatever the order', () => {
  const kinds = fc.constantFrom({ state: 'open' }, { state: 'closed' }, { state: 'closed', merged: true } as const)
  fc.assert(
    fc.property(fc.uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 99 }), kind: kinds }), { selector: ({ number }) => number, minLength: 1 }), (drawn) => {
      const existing = drawn.map(({ number, kind }) => pull({ number, state: kind.state === 'open' ? 'open' : 'closed', merged: 'merged' in kind }))
      const step = decidePull(existing)
      if (step.do === 'create') throw new Error('there was one already')
      const rank = (one: ForgePull) => (one.state === 'open' ? 2 : one.merged ? 1 : 0)
      const best = Math.max(...existing.map(rank))
      expect(rank(step.pull)).toBe(best)
      expect(step.pull.number).toBe(Math.max(...existing.filter((one) => rank(one) === best).map(({ number }) => number)))
      expect(step).toMatchObject(best === 2 ? { do: 'update', reopen: false } : best === 1 ? { do: 'keep' } : { do: 'update', reopen: true })
    }),
  )
})

describe('when to try again', () => {
  const failed = (over: Partial<Parameters<typeof nextTry>[1]> = {}) => ({ code: 'unknown' as ForgeErrorCode, retryable: true, retryAt: null, ...over })
  const wait = (tries: number, error: ReturnType<typeof failed>) => (nextTry(tries, error, now, now)?.getTime() ?? 0) - now.getTime()

  test('an error that repeating cannot mend is given up at once', () => {
    expect(nextTry(1, failed({ retryable: false, retryAt: new Date('2026-03-01T13:00:00Z') }), now, now)).toBeNull()
  })
  test('back-off grows and ends', () => {
    expect([1, 2, 3, 7].map((tries) => wait(tries, failed()))).toEqual([2000, 4000, 8000, 128_000])
    expect(nextTry(8, failed(), now, now)).toBeNull()
  })
  test.each(['unreachable', 'inconsistent'] as const)('%s: an outage of two hours is outlasted', (code) => {
    const waits = Array.from({ length: 19 }, (_, index) => wait(index + 1, failed({ code })))
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(7_000_000)
    expect(nextTry(20, failed({ code }), now, now)).toBeNull()
  })
  test('being told when to come back is obeyed and is no failed try', () => {
    const retryAt = new Date('2026-03-01T13:00:00Z')
    expect(nextTry(99, failed({ retryAt }), now, now)).toEqual(retryAt)
    expect(nextTry(1, failed({ retryAt: new Date(0) }), now, now)).toEqual(new Date(now.getTime() + 10_000))
  })
  test('a forge that says "later" for ever is given up after a day', () => {
    const retryAt = new Date('2026-03-01T13:00:00Z')
    expect(nextTry(1, failed({ retryAt }), now, new Date('2026-02-28T13:00:00Z'))).toEqual(retryAt)
    expect(nextTry(1, failed({ retryAt }), now, new Date('2026-02-28T12:59:59Z'))).toBeNull()
    expect(nextTry(1, failed({ retryAt: new Date('2026-03-09T13:00:00Z') }), now, now)).toBeNull()
  })
})
