import { describe, expect, test } from 'bun:test'
import { FACTORY_EVENT_TYPES } from '@factory/shared'
import { aRun, anEvent } from '../testing/fixtures.ts'
import { operationsFor, withProgress } from './apply.ts'

const NOW = Date.parse('2026-01-05T10:00:00Z')
const message = (data: unknown, event = 'work.status') => ({ id: '1', event, data: typeof data === 'string' ? data : JSON.stringify(data) })

describe('what a message changes', () => {
  test('an ended item changes the lists it leaves and enters, and its own page', () => {
    expect(operationsFor(message(anEvent(NOW))).map((operation) => operation.do === 'refetch' && operation.key.join('/'))).toEqual(['status', 'queue', 'workers', 'recent', 'waiting-for-people', 'item/3'])
  })

  test('every kind of event refreshes the page of its item', () => {
    for (const type of FACTORY_EVENT_TYPES) expect(operationsFor(message(anEvent(NOW, { type })))).toContainEqual({ do: 'refetch', key: ['item', 3] })
  })

  test.each(['', 'not json', '{"type":"work.status"}', '[]', '{"id":"1","type":"from.the.future"}'])('%p changes nothing', (data) => {
    expect(operationsFor(message(data))).toEqual([])
    expect(operationsFor(message(data, 'progress'))).toEqual([])
  })
})

describe('progress', () => {
  test('is laid over what was known, and counts as a sign of life', () => {
    const after = withProgress(aRun(NOW), { iteration: 3, activity: 'Bash bun test' }, '2026-01-05T10:00:00.000Z')
    expect(after.progress).toMatchObject({ iteration: 3, maxIterations: 12, activity: 'Bash bun test', task: 'Round in the cart total, not per line' })
    expect(after.heartbeatAt).toBe('2026-01-05T10:00:00.000Z')
  })

  test('of a shape we do not know leaves the run as it is', () => {
    const run = aRun(NOW)
    expect(withProgress(run, { iteration: 'many' }, '2026-01-05T10:00:00.000Z')).toBe(run)
  })
})
