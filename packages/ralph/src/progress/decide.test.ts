import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { afterVerdict, BACK_OFF_MS, LONGEST_WAIT_MS } from './patience.ts'
import { decide, type Facts } from './decide.ts'
import { readFacts, type IterationFact } from './facts.ts'

const BOUNDS = { maxIterations: 25, maxCostUsd: 10, maxMinutes: 120 }
const START = { trees: ['base'], failing: 0 }
let serial = 0
/** An iteration that leaves a tree nobody has seen. */
const fact = (more: Partial<IterationFact> = {}): IterationFact => ({ task: 'a', kind: 'work', tree: `t${(serial += 1)}`, commit: 'c', ticked: [], verified: false, failing: null, failure: null, note: '', ...more })
const facts = (iterations: IterationFact[], more: Partial<Facts> = {}): Facts => ({ iterations, start: START, since: 0, task: { id: 'a', text: 'A' }, costUsd: 0, minutes: 0, ...more })
const say = (given: Facts): string => {
  const decision = decide(given, BOUNDS)
  return decision.do === 'work' ? decision.kind : decision.do === 'stuck' ? decision.rule : decision.kind
}
const at = (tree: string, more: Partial<IterationFact> = {}) => fact({ tree, task: 'b', ...more })
const idle = at('base')
const fails = (failure: string, more: Partial<IterationFact> = {}) => fact({ failure, task: 'b', ...more })
const failing = (count: number, more: Partial<IterationFact> = {}) => fact({ failing: count, failure: `${count} fail`, ...more })
const done = fact({ task: 'b', ticked: ['b'], verified: true })
const diagnosis = at('base', { kind: 'diagnosis', task: 'a' })

test.each<[string, Facts, string]>([
  ['at the start', facts([]), 'work'],

  ['two idle iterations', facts([idle, idle]), 'work'],
  ['three idle iterations', facts([idle, idle, idle]), 'no_new_tree'],
  ['three after some work', facts([at('x'), at('x'), at('x'), at('x')]), 'no_new_tree'],
  ['verified progress in between', facts([idle, idle, at('base', { verified: true, ticked: ['b'] }), idle, idle]), 'work'],
  ['a diagnosis is not idle', facts([idle, idle, diagnosis], { task: { id: 'z', text: 'Z' } }), 'work'],
  ['nor does it hide that the others are', facts([idle, idle, diagnosis, idle]), 'no_new_tree'],

  ['two attempts at a task', facts([fact(), fact()]), 'diagnosis'],
  ['two attempts at another', facts([fact(), fact()], { task: { id: 'c', text: 'C' } }), 'work'],
  ['after the diagnosis', facts([fact(), fact(), fact({ kind: 'diagnosis' })]), 'work'],
  ['four attempts at a task', facts([fact(), fact(), fact({ kind: 'diagnosis' }), fact()]), 'work'],
  ['five attempts at a task', facts([fact(), fact(), fact({ kind: 'diagnosis' }), fact(), fact()]), 'too_many_attempts'],
  ['five attempts at another', facts([fact(), fact(), fact(), fact(), fact()], { task: { id: 'c', text: 'C' } }), 'work'],
  ['attempts before the last progress', facts([fact(), fact(), fact(), fact(), done, fact()]), 'work'],
  ['each attempt fails less', facts([9, 7, 5, 3, 2, 1].map((count) => failing(count))), 'work'],
  ['each attempt fails more', facts([1, 2, 3, 4, 5].map((count) => failing(count))), 'too_many_attempts'],
  ['fewer than base at the first attempt', facts([failing(40)], { start: { trees: ['base'], failing: 50 } }), 'work'],
  ['better and worse in turn', facts([failing(5), failing(3), failing(5), failing(3), failing(5), failing(3), failing(5)]), 'too_many_attempts'],

  ['three times the same failure', facts([fails('x'), fails('x'), fails('x')]), 'work'],
  ['four times', facts([fails('x'), fails('x'), fails('x'), fails('x')]), 'same_failure'],
  ['another failure in between', facts([fails('x'), fails('x'), fails('y'), fails('x'), fails('x')]), 'work'],
  ['it passed in between', facts([fails('x'), fails('x'), fact({ task: 'b' }), fails('x'), fails('x')]), 'work'],
  ['a failure that tasks to come may mend', facts(['b', 'c', 'd', 'e', 'f'].map((task) => fails('x', { task, ticked: [task] }))), 'work'],

  ['back once', facts([at('x'), at('y'), at('x')]), 'work'],
  ['back twice', facts([at('x'), at('y'), at('x'), at('z'), at('x')]), 'tree_returned'],
  ['two trees in turn, base one of them', facts([at('x'), at('base'), at('x'), at('base')]), 'tree_returned'],
  ['two trees that came back once each', facts([at('x'), at('y'), at('x'), at('y')]), 'work'],
  ['back before the last progress', facts([at('x'), at('y'), at('x'), done, at('x')]), 'work'],

  ['looked at by a person', facts([idle, idle, idle], { since: 3 }), 'work'],
  ['the last iteration', facts(Array.from({ length: 25 }, (_, index) => fact({ task: `t${index}` }))), 'iterations'],
  ['the money', facts([], { costUsd: 9.9995 }), 'cost'],
  ['the time', facts([], { minutes: 120 }), 'time'],
])('%s', (_name, given, expected) => expect(say(given)).toBe(expected))

const anyFact: fc.Arbitrary<IterationFact> = fc.record({
  task: fc.constantFrom('a', 'b', 'c'),
  kind: fc.constantFrom('work', 'diagnosis'),
  tree: fc.constantFrom('base', 'x', 'y', 'z', 'u', 'v', 'w'),
  commit: fc.constant(null),
  ticked: fc.subarray(['a', 'b', 'c']),
  verified: fc.boolean(),
  failing: fc.option(fc.nat({ max: 5 }), { nil: null }),
  failure: fc.constantFrom(null, 'x', 'y'),
  note: fc.constant(''),
})

test('ends within its bounds, whatever happens', () => {
  fc.assert(
    fc.property(fc.infiniteStream(anyFact), (stream) => {
      const iterations: IterationFact[] = []
      while (decide(facts(iterations), BOUNDS).do === 'work') iterations.push(stream.next().value)
      expect(iterations.length).toBeLessThanOrEqual(BOUNDS.maxIterations)
    }),
  )
})

test('without a bound: five iterations of one task after the last progress, and no more', () => {
  const endless = { maxIterations: Infinity, maxCostUsd: Infinity, maxMinutes: Infinity }
  fc.assert(
    fc.property(fc.infiniteStream(anyFact), (stream) => {
      const iterations: IterationFact[] = []
      const quiet = (): number => iterations.length - 1 - readFacts(iterations, START).findLastIndex((reading) => reading.progress)
      while (quiet() < 6 && iterations.length < 100 && decide(facts(iterations), endless).do === 'work') iterations.push({ ...stream.next().value, task: 'a' })
      expect(quiet()).toBeLessThanOrEqual(5)
    }),
  )
})

test('is never stuck while new verified work appears', () => {
  fc.assert(
    fc.property(fc.array(anyFact, { maxLength: 24 }), (before) => {
      const decision = decide(facts([...before, done]), BOUNDS)
      expect(decision).toEqual({ do: 'work', kind: 'work' })
    }),
  )
})

test('progress that is only less failure comes to an end: at most one step for each failure', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 8 }), { maxLength: 60 }), (counts) => {
      const steps = readFacts(counts.map((count) => failing(count)), START).filter((reading) => reading.progress).length
      expect(steps).toBeLessThanOrEqual(Math.max(0, counts[0] ?? 0))
    }),
  )
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
