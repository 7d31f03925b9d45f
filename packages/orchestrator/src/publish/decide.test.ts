import { describe, expect, test } from 'bun:test'
import type { ForgePull } from '../ports/forge.ts'
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

describe('when to try again', () => {
  test('an error that repeating cannot mend is given up at once', () => {
    expect(nextTry(1, { retryable: false, retryAt: null }, now)).toBeNull()
  })
  test('back-off grows and ends', () => {
    const waits = [1, 2, 3, 7].map((tries) => (nextTry(tries, { retryable: true, retryAt: null }, now)?.getTime() ?? 0) - now.getTime())
    expect(waits).toEqual([2000, 4000, 8000, 128_000])
    expect(nextTry(8, { retryable: true, retryAt: null }, now)).toBeNull()
  })
  test('being told when to come back is obeyed and is no failed try', () => {
    const retryAt = new Date('2026-03-01T13:00:00Z')
    expect(nextTry(99, { retryable: true, retryAt }, now)).toEqual(retryAt)
  })
})
