import { TERMINAL_WORK_STATUSES, WORK_STATUSES, type WorkStatus } from '@factory/shared'
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { decideRefs, keptSince, type EndedItem } from './decide.ts'

const NOW = new Date('2026-06-01T00:00:00Z')
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000)
const item = (status: WorkStatus, given: Partial<EndedItem> = {}): EndedItem => ({ status, endedAt: daysAgo(10), pullNumber: 7, branch: 'factory/1-x', ...given })

describe('what becomes of WIP refs', () => {
  test.each<[string, EndedItem, number, object]>([
    ['completed: as its pull request says', item('completed'), 90, { do: 'ask', branch: 'factory/1-x', pullNumber: 7 }],
    ['completed, everything kept: still as its pull request says', item('completed'), 0, { do: 'ask', branch: 'factory/1-x', pullNumber: 7 }],
    ['completed without a pull request', item('completed', { pullNumber: null }), 90, { do: 'delete' }],
    ['failed lately: kept for a retry', item('failed'), 90, { do: 'wait', until: new Date(daysAgo(10).getTime() + 90 * 86_400_000) }],
    ['failed long ago', item('failed', { endedAt: daysAgo(91) }), 90, { do: 'delete' }],
    ['cancelled to the minute', item('cancelled', { endedAt: daysAgo(90) }), 90, { do: 'delete' }],
    ['failed, everything kept', item('failed', { endedAt: daysAgo(9000) }), 0, { do: 'wait', until: daysAgo(-1) }],
    ['taken up again', item('queued'), 90, { do: 'forget' }],
  ])('%s', (_name, given, days, step) => {
    expect(decideRefs(given, days, NOW)).toMatchObject(step)
  })

  test('nothing is deleted of work that goes on, nor of failed work within its time', () => {
    fc.assert(
      fc.property(fc.constantFrom(...WORK_STATUSES), fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 365 }), (status, age, days) => {
        const step = decideRefs(item(status, { endedAt: daysAgo(age) }), days, NOW)
        if (step.do === 'delete') expect([TERMINAL_WORK_STATUSES.some((one) => one === status), days > 0 && age >= days]).toEqual([true, true])
        if (step.do === 'wait') expect(step.until > NOW).toBe(true)
      }),
    )
  })

  test('0 days is for ever', () => {
    expect(keptSince(0, NOW)).toBeNull()
    expect(keptSince(90, NOW)).toEqual(daysAgo(90))
  })
})
