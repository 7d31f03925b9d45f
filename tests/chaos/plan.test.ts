import { describe, expect, test } from 'bun:test'
import { parseSpec } from '@factory/shared'
import fc from 'fast-check'
import { FAULTS, isOfProcess, planFaults, planItems, type FaultKind } from './plan.ts'

const count = (kinds: readonly FaultKind[], kind: FaultKind) => kinds.filter((one) => one === kind).length

describe('the schedule of a chaos run', () => {
  test('is a pure function of its seed and size', () => {
    expect(planFaults(3, 800)).toEqual(planFaults(3, 800))
    expect(planFaults(4, 800)).not.toEqual(planFaults(3, 800))
    expect(planItems(3, 50)).toEqual(planItems(3, 50))
    expect(planItems(4, 50)).not.toEqual(planItems(3, 50))
  })

  test('800 items meet at least 100 kills and freezes, 3 crashes of PostgreSQL, and a Redis that is flushed and dies', () => {
    const kinds = planFaults(1, 800).map(({ kind }) => kind)
    expect(kinds.filter(isOfProcess).length).toBeGreaterThanOrEqual(100)
    expect(count(kinds, 'postgres.crash')).toBeGreaterThanOrEqual(3)
    expect(count(kinds, 'redis.flush')).toBeGreaterThanOrEqual(1)
    expect(count(kinds, 'redis.crash')).toBeGreaterThanOrEqual(1)
  })

  test('every kind happens in every run, in order, and freezes outlast the leases they are about', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 3, max: 20 }), (seed, items, leaseSeconds) => {
        const faults = planFaults(seed, items, { leaseSeconds })
        expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULTS))
        expect(faults.map(({ number }) => number)).toEqual(faults.map((_, index) => index))
        for (const [index, fault] of faults.entries()) {
          expect(fault.after).toBeGreaterThanOrEqual(faults[index - 1]?.after ?? 0)
          expect(fault.after).toBeLessThan(items)
          if (fault.kind === 'worker.freeze') expect(fault.ms).toBeGreaterThan(leaseSeconds * 1000)
          else if (fault.kind.endsWith('.freeze')) expect(fault.ms).toBeGreaterThan(1000)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('items are told apart, and some want the same files', () => {
    const items = planItems(9, 400)
    expect(new Set(items.map(({ sourceId }) => sourceId)).size).toBe(400)
    const files = items.flatMap(({ repo, text }) => ('spec' in text ? parseSpec(text.spec).files.map((file) => `${repo} ${file}`) : []))
    expect(files.length).toBeGreaterThan(new Set(files).size)
    expect(items.some(({ text }) => 'description' in text)).toBe(true)
  })
})
