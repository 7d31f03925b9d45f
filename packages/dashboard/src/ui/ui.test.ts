import { describe, expect, test } from 'bun:test'
import { FactoryError } from '@factory/shared'
import { problem } from './problem.ts'
import { readRoute } from './route.ts'
import { duration, relative } from './time.ts'
import { webUrl } from './web-url.ts'
import { eventSentence } from './words.ts'

test.each([
  [0, '0 s'],
  [59.6, '1 min'],
  [61, '1 min'],
  [3_600, '1 h'],
  [3_900, '1 h 5 min'],
  [90_000, '1 d 1 h'],
  [-5, '0 s'],
])('%p seconds are %p', (seconds, words) => {
  expect(duration(seconds)).toBe(words)
})

test('relative times look both ways', () => {
  const now = Date.parse('2026-01-05T10:00:00Z')
  expect(relative('2026-01-05T09:59:48Z', now)).toBe('12 s ago')
  expect(relative('2026-01-05T10:04:00Z', now)).toBe('in 4 min')
})

test('only web addresses become links', () => {
  expect(webUrl('https://example.com/a')).toBe('https://example.com/a')
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '/relative', '', null]) expect(webUrl(bad)).toBeNull()
})

test('addresses of pages', () => {
  expect(readRoute('/items/12')).toEqual({ page: 'item', id: 12 })
  for (const path of ['/items/0', '/items/-1', '/items/1x', '/nothing']) expect(readRoute(path)).toEqual({ page: 'unknown' })
})

describe('events in words', () => {
  test('a change of state names both states as people know them', () => {
    expect(eventSentence({ type: 'work.status', data: { from: 'queued', to: 'in_progress', reason: 'admitted' } })).toEqual({ what: 'State', facts: 'Queued → Working · admitted' })
  })

  test('data of any shape is bounded text', () => {
    expect(eventSentence({ type: 'run.finished', data: { outcome: { message: 5 } } }).facts).toBe('')
    expect(eventSentence({ type: 'decision', data: { reason: 'x'.repeat(9_000) } }).facts.length).toBe(500)
  })
})

test('errors say what to do', () => {
  expect(problem(new FactoryError('unavailable', 'no')).fix).toContain('factory doctor')
  expect(problem(new FactoryError('conflict', 'item 3 is completed')).fix).toContain('item 3 is completed')
})
