import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { canonical, follow, MOST_SAME_CALLS, NO_REPEATS, withoutDurations, type Repeats, type ToolStep } from './same-call.ts'

type Done = { name?: string; input?: unknown; answer?: unknown; failed?: boolean; parent?: string | null }

/** Call and answer, one after the other. */
const steps = (done: readonly Done[]): ToolStep[] =>
  done.flatMap(({ name = 'Bash', input = { command: 'ls' }, answer = 'a.txt', failed = false, parent = null }, index) => [
    { kind: 'call', id: `t${index}`, name, input, parent },
    { kind: 'answer', id: `t${index}`, content: answer, failed },
  ])
const run = (list: readonly ToolStep[]): Repeats => list.reduce(follow, NO_REPEATS)
const times = (count: number, of: (index: number) => Done): Done[] => Array.from({ length: count }, (_, index) => of(index))

describe('the same call', () => {
  test.each<[string, Done[], boolean]>([
    ['seven times', times(7, () => ({})), false],
    ['eight times', times(8, () => ({})), true],
    ['with its keys in another order', times(8, (i) => ({ input: i % 2 ? { command: 'ls', timeout: 5 } : { timeout: 5, command: 'ls' } })), true],
    ['that takes another time each time', times(8, (i) => ({ answer: `3 pass [${i}.${i}0ms], done in ${i}s, Ran in 1m ${i}s` })), true],
    ['whose answers are blocks', times(8, () => ({ answer: [{ type: 'text', text: 'x' }] })), true],
    ['with an answer that moves', times(20, (i) => ({ answer: `${i} of 100` })), false],
    ['with an answer that comes and goes', times(20, (i) => ({ answer: i % 2 ? 'up' : 'down' })), false],
    ['that fails and does not, by turns', times(20, (i) => ({ failed: i % 2 === 0 })), false],
    ['with an answer that stays from the third on', times(10, (i) => ({ answer: i < 2 ? i : 'x' })), true],
    ['with another input each time', times(20, (i) => ({ input: { command: `ls ${i}` } })), false],
    ['of another tool with the same input', times(20, (i) => ({ name: i % 2 ? 'Read' : 'Bash' })), false],
    ['with another call in the middle', [...times(7, () => ({})), { name: 'Read' }, ...times(7, () => ({}))], false],
    ["with a subagent's calls between", times(15, (i) => (i % 2 ? { parent: 'p', input: i } : {})), true],
    ['half by the agent and half by its subagent', [...times(4, () => ({})), ...times(4, () => ({ parent: 'p' }))], false],
    ['by a subagent', times(8, () => ({ parent: 'p' })), true],
  ])('%s', (_name, done, looping) => {
    expect(run(steps(done)).looping !== null).toBe(looping)
  })

  test('asked eight times at once is a loop by its eighth answer', () => {
    const all = steps(times(8, () => ({})))
    const calls = all.filter((step) => step.kind === 'call')
    const answers = all.filter((step) => step.kind === 'answer')
    expect(run([...calls, ...answers.slice(0, 7)]).looping).toBeNull()
    expect(run([...calls, ...answers]).looping).toEqual({ tool: 'Bash', input: '{"command":"ls"}' })
  })

  test('answers to nothing are no calls', () => {
    expect(run(times(20, () => ({})).map((): ToolStep => ({ kind: 'answer', id: 'x', content: 'y', failed: false }))).looping).toBeNull()
  })
})

const anyDone = fc.record({ name: fc.constantFrom('Bash', 'Read'), input: fc.jsonValue(), answer: fc.jsonValue(), parent: fc.constantFrom(null, 'p', 'q') })

test('whatever came before, eight alike are a loop, and not one sooner', () => {
  fc.assert(
    fc.property(fc.array(anyDone, { maxLength: 20 }), anyDone, (before, same) => {
      const loop = times(MOST_SAME_CALLS, () => same)
      // Another call of the same agent, so that nothing before counts.
      const other: Done = { ...same, name: 'Other' }
      const first = before.slice(0, MOST_SAME_CALLS - 1)
      expect(run(steps([...first, other, ...loop])).looping).not.toBeNull()
      expect(run(steps([...first, other, ...loop.slice(1)])).looping).toBeNull()
    }),
  )
})

test('never a loop while each input, or each answer, differs from the one before', () => {
  fc.assert(
    fc.property(fc.array(anyDone, { maxLength: 60 }), fc.boolean(), (done, inputs) => {
      const moving = done.map((one, index) => (inputs ? { ...one, input: [one.input, index] } : { ...one, answer: `step #${index}` }))
      expect(run(steps(moving)).looping).toBeNull()
    }),
  )
})

test('canonical text is the same for the same value only', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(canonical(JSON.parse(JSON.stringify(a)))).toBe(canonical(a))
      expect(canonical(a) === canonical(b)).toBe(Bun.deepEquals(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))))
    }),
  )
})

test.each([
  ['took 12.5 ms', 'took <duration>'],
  ['[0.53s]', '[<duration>]'],
  ['1m 20s later', '<duration> later'],
  ['1m20s', '<duration>'],
  ['3 seconds and 2 minutes', '<duration> and <duration>'],
  ['3 files, 12M, v1.5s2, 5 mm, x3s, 12:30', '3 files, 12M, v1.5s2, 5 mm, x3s, 12:30'],
])('durations in %j', (text, plain) => {
  expect(withoutDurations(text)).toBe(plain)
})

test('a hostile answer costs no time', () => {
  const began = performance.now()
  withoutDurations('1'.repeat(100_000) + '1m'.repeat(50_000) + 'x' + '1 m '.repeat(50_000) + '_')
  expect(performance.now() - began).toBeLessThan(2000)
})
