import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { afterVerdict, BACK_OFF_MS, LONGEST_WAIT_MS } from './patience.ts'
import { decide, STUCK, type Facts, type IterationFact } from './decide.ts'

const BOUNDS = { maxIterations: 25, maxCostUsd: 10, maxMinutes: 120 }
const fact = (more: Partial<IterationFact> = {}): IterationFact => ({ task: 'a', newTree: true, progress: false, failure: null, ...more })
const facts = (iterations: IterationFact[], more: Partial<Facts> = {}): Facts => ({ iterations, since: 0, task: { id: 'a', text: 'A' }, costUsd: 0, minutes: 0, ...more })
const say = (given: Facts): string => {
  const decision = decide(given, BOUNDS)
  return decision.do === 'work' ? 'work' : decision.do === 'stuck' ? decision.rule : decision.kind
}
const idle = fact({ newTree: false, task: 'b' })
const fails = (failure: string) => fact({ failure, task: 'b' })

test.each<[string, Facts, string]>([
  ['at the start', facts([]), 'work'],
  ['two idle iterations', facts([idle, idle]), 'work'],
  ['three idle iterations', facts([fact(), idle, idle, idle]), 'no_new_tree'],
  ['progress in between', facts([idle, idle, fact({ newTree: false, progress: true, task: 'b' }), idle, idle]), 'work'],
  ['four attempts at a task', facts([fact(), fact(), fact(), fact()]), 'work'],
  ['five attempts at a task', facts([fact(), fact(), fact(), fact(), fact()]), 'too_many_attempts'],
  ['five attempts at another', facts([fact(), fact(), fact(), fact(), fact()], { task: { id: 'c', text: 'C' } }), 'work'],
  ['three times the same failure', facts([fails('x'), fails('x'), fails('x')]), 'work'],
  ['four times, whatever lies between', facts([fails('x'), fact({ task: 'b' }), fails('x'), fails('x'), fails('x')]), 'same_failure'],
  ['another failure in between', facts([fails('x'), fails('x'), fails('y'), fails('x'), fails('x')]), 'work'],
  ['looked at by a person', facts([idle, idle, idle], { since: 3 }), 'work'],
  ['the last iteration', facts(Array.from({ length: 25 }, (_, index) => fact({ task: `t${index}` }))), 'iterations'],
  ['the money', facts([], { costUsd: 9.9995 }), 'cost'],
  ['the time', facts([], { minutes: 120 }), 'time'],
])('%s', (_name, given, expected) => expect(say(given)).toBe(expected))

const anyFact = fc.record({ task: fc.constantFrom('a', 'b', 'c'), newTree: fc.boolean(), progress: fc.boolean(), failure: fc.constantFrom(null, 'x', 'y') })

test('ends within its bounds, whatever happens', () => {
  fc.assert(
    fc.property(fc.infiniteStream(anyFact), (stream) => {
      const iterations: IterationFact[] = []
      while (decide(facts(iterations), BOUNDS).do === 'work') iterations.push(stream.next().value)
      expect(iterations.length).toBeLessThanOrEqual(BOUNDS.maxIterations)
    }),
  )
})

test('is never stuck while every iteration finishes another task', () => {
  fc.assert(
    fc.property(fc.nat({ max: 24 }), (count) => {
      const iterations = Array.from({ length: count }, (_, index) => fact({ task: `t${index}`, progress: true, newTree: index % 2 === 0 }))
      expect(decide(facts(iterations, { task: { id: 'next', text: 'Next' } }), BOUNDS)).toEqual({ do: 'work' })
    }),
  )
})

test('idle iterations end a run soon', () => {
  expect(STUCK.idle).toBe(3)
  expect(say(facts([idle, idle, idle]))).toBe('no_new_tree')
})

describe('patience', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const limit = (minutes: number | null) => ({ kind: 'usage_limit', until: minutes === null ? null : now + minutes * 60_000, reason: 'r' }) as const
  test.each([
    ['near: waits', limit(10), 0, { do: 'wait', ms: 602_000 }],
    ['over already: tries soon', limit(-5), 0, { do: 'wait', ms: 2_000 }],
    ['the same limit again and again: leaves', limit(10), 4, { do: 'end', exitCode: 12, until: '2026-01-01T00:10:00.000Z' }],
    ['far: leaves until then', limit(120), 0, { do: 'end', exitCode: 12, until: '2026-01-01T02:00:00.000Z' }],
    ['without a time: leaves', limit(null), 0, { do: 'end', exitCode: 12, until: new Date(now + LONGEST_WAIT_MS).toISOString() }],
    ['overloaded: backs off', { kind: 'overloaded', reason: 'r' } as const, 1, { do: 'wait', ms: BACK_OFF_MS[1] }],
    ['overloaded for long: leaves', { kind: 'overloaded', reason: 'r' } as const, 3, { do: 'end', exitCode: 12, until: '2026-01-01T00:05:00.000Z' }],
    ['no network', { kind: 'network', reason: 'r' } as const, 0, { do: 'wait', ms: BACK_OFF_MS[0] }],
    ['credential', { kind: 'auth', reason: 'r' } as const, 0, { do: 'end', exitCode: 13, until: null }],
    ['worked', { kind: 'worked' } as const, 0, { do: 'go_on' }],
    ['failed', { kind: 'failed', reason: 'r' } as const, 9, { do: 'go_on' }],
  ])('%s', (_name, verdict, tries, expected) => expect(afterVerdict(verdict, tries, now)).toMatchObject(expected))
})
