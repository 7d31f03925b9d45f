import type { CheckResult, IntegrityFinding } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { toReport, type Evidence } from './judge.ts'
import { failsAsBefore } from './signature.ts'

const check = (command: string, exitCode: number, more: Partial<CheckResult> = {}): CheckResult => ({ command, exitCode, durationMs: 1200, timedOut: false, outputTail: exitCode === 0 ? '' : 'error: it fails', tests: null, ...more })
const finding = (rule: IntegrityFinding['rule'], more: Partial<IntegrityFinding> = {}): IntegrityFinding => ({ rule, path: null, message: `says ${rule}`, blocking: true, asked: false, ...more })
const judge = (more: Partial<Evidence>): { passed: boolean; reason: string } => {
  const { passed, reason } = toReport({ baseSha: 'a', headSha: 'b', base: { setup: null, checks: [check('t', 0)] }, head: { setup: null, checks: [check('t', 0)] }, findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, required: [], allowUnchecked: false, ...more })
  return { passed, reason }
}
const checks = (...all: CheckResult[]) => ({ setup: null, checks: all })

describe('required checks', () => {
  const both = checks(check('t', 0), check('x', 1))
  test('one that failed before may fail in the same way, but not a required one', () => {
    expect(judge({ base: both, head: both })).toMatchObject({ passed: true })
    expect(judge({ base: both, head: both, required: ['x'] })).toEqual({ passed: false, reason: '`x` failed before the change already, and the spec asks for it: it exited with 1' })
    expect(judge({ base: both, head: checks(check('t', 0), check('x', 0)), required: ['x'] })).toMatchObject({ passed: true })
  })
  test('what passed before and fails now is worse, required or not', () => {
    for (const required of [[], ['t']]) expect(judge({ head: checks(check('t', 1)), required })).toEqual({ passed: false, reason: '`t` exited with 1' })
  })
  test('no set of results passes with a required check that fails', () => {
    const results = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), before: fc.constantFrom(0, 1), after: fc.constantFrom(0, 1), required: fc.boolean() }), { minLength: 1, maxLength: 3 })
    fc.assert(fc.property(results, (given) => {
      const unique = given.filter((one, index) => given.findIndex((other) => other.name === one.name) === index)
      const report = judge({ base: checks(...unique.map((one) => check(one.name, one.before))), head: checks(...unique.map((one) => check(one.name, one.after))), required: unique.filter((one) => one.required).map((one) => one.name) })
      if (unique.some((one) => one.after !== 0 && (one.required || one.before === 0))) expect(report.passed).toBe(false)
      else expect(report.passed).toBe(unique.some((one) => one.after === 0))
    }))
  })
})

describe('the reason', () => {
  test('a time limit that only head runs into says what it took before', () => {
    expect(judge({ head: checks(check('t', 0, { exitCode: null, timedOut: true, durationMs: 60_000 })) })).toEqual({ passed: false, reason: '`t` took longer than allowed (60 s); before the change it ended after 1.2 s' })
  })
  test('follows the order of the steps', () => {
    const head = checks(check('t', 1))
    expect(judge({ head, findings: [finding('test_deleted'), finding('empty_diff')] }).reason).toBe('says empty_diff')
    expect(judge({ head, findings: [finding('test_deleted')] }).reason).toBe('`t` exited with 1; says test_deleted')
    expect(judge({ findings: [finding('test_deleted'), finding('ci_changed', { blocking: false })] }).reason).toBe('says test_deleted')
  })
  test('what the spec asked for passes, and is named for a person', () => {
    expect(judge({ findings: [finding('test_deleted', { asked: true, blocking: false }), finding('ci_changed', { blocking: false })] })).toEqual({ passed: true, reason: '1 of 1 checks passed; the spec asks for this, and a person has to look at it: says test_deleted' })
  })
})

describe('failing as before', () => {
  const fails = (outputTail: string, more: Partial<CheckResult> = {}): CheckResult => ({ command: 'c', exitCode: 1, durationMs: 1, timedOut: false, tests: null, outputTail, ...more })
  const tests = (failed: number) => ({ tests: { passed: 5, failed, skipped: 0 } })
  test.each<[string, CheckResult, CheckResult, boolean]>([
    ['the same', fails('a.py:3: error: no\n'), fails('a.py:9: error: no\n'), true],
    ['one error fewer', fails('a.py:3: error: no\na.py:4: error: no\n'), fails('a.py:3: error: no\n'), true],
    ['one error more of the same kind', fails('a.py:3: error: no\n'), fails('a.py:3: error: no\na.py:4: error: no\n'), false],
    ['another error', fails('a.py:3: error: no\n'), fails('a.py:3: error: yes\n'), false],
    ['lines without a telling word', fails('missing one\n'), fails('missing one\nmissing two\n'), false],
    ['fewer failed tests', fails('', tests(5)), fails('', tests(4)), true],
    ['more failed tests', fails('', tests(4)), fails('', tests(5)), false],
    ['counted no longer', fails('', tests(4)), fails(''), false],
    ['another exit code', fails('x'), fails('x', { exitCode: 2 }), false],
    ['too slow now', fails('x'), fails('x', { timedOut: true }), false],
  ])('%s', (_name, before, after, expected) => expect(failsAsBefore(before, after)).toBe(expected))
})
