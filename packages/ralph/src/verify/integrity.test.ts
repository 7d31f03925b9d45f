import type { IntegrityFinding } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import { parseRaw, parseShort } from './diff.ts'
import type { ChangeFacts, FileText } from './facts.ts'
import { inspectChange, inspectLine } from './integrity.ts'
import { isTestPath } from './paths.ts'

const changed = { status: 'M', path: 'src/a.ts', from: null } as const
const facts = (more: Partial<ChangeFacts>): ChangeFacts => ({ onBase: true, dirty: [], changes: [changed], files: [], passedOver: 0, commands: [], scripts: [], included: [], helpers: [], base: [], head: [], ranBase: [], ranHead: [], ...more })
const inspect = (given: ChangeFacts) => [...inspectLine(given), ...inspectChange(given)]
const rules = (findings: readonly IntegrityFinding[]): string[] => findings.map((finding) => `${finding.rule}${finding.blocking ? '' : ' (shown)'}`)
const file = (path: string, base: string | null, head: string | null, from: string | null = null): FileText => ({ path, from, base, head, unread: null })
const ran = (passed: number, failed = 0, skipped = 0) => [{ command: 't', exitCode: 0, durationMs: 1, timedOut: false, outputTail: '', tests: { passed, failed, skipped } }]
const ranTests = (...executed: string[]) => [{ command: 't', output: null, whole: true, junit: { counts: { passed: executed.length, failed: 0, skipped: 0 }, executed } }]
const ADDS = "test('adds', () => {\n  expect(add(1, 2)).toBe(3)\n})\n"
const SUBTRACTS = "test('subtracts', () => {\n  expect(subtract(3, 2)).toBe(1)\n})\n"
const TESTS = ADDS + SUBTRACTS

test.each<[string, ChangeFacts, string[]]>([
  ['an ordinary change', facts({}), []],
  ['nothing changed', facts({ changes: [] }), ['empty_diff']],
  ['not on base', facts({ onBase: false }), ['not_on_base']],
  ['changes that no commit has', facts({ dirty: ['a b.txt'] }), ['dirty_tree']],
  ['a test deleted', facts({ changes: [{ status: 'D', path: 'src/a.test.ts', from: null }], files: [file('src/a.test.ts', TESTS, null)] }), ['test_deleted']],
  ['a test of a language nobody reads deleted', facts({ changes: [{ status: 'D', path: 'tests/a.sh', from: null }] }), ['test_deleted']],
  ['a test that was no text deleted', facts({ changes: [{ status: 'D', path: 'src/a.test.ts', from: null }], files: [{ ...file('src/a.test.ts', null, null), unread: null }] }), ['test_deleted']],
  ['a source file deleted', facts({ changes: [{ status: 'D', path: 'src/a.ts', from: null }] }), []],
  ['a test moved', facts({ changes: [{ status: 'R', path: 'tests/b.test.ts', from: 'src/a.test.ts' }], files: [file('tests/b.test.ts', TESTS, TESTS, 'src/a.test.ts')] }), []],
  ['tests moved from a deleted file into two others', facts({ changes: [{ status: 'D', path: 'a.test.ts', from: null }], files: [file('a.test.ts', TESTS, null), file('b.test.ts', null, ADDS), file('c.test.ts', null, SUBTRACTS)] }), []],
  ['one of them lost on the way', facts({ changes: [{ status: 'D', path: 'a.test.ts', from: null }], files: [file('a.test.ts', TESTS, null), file('b.test.ts', null, ADDS)] }), ['test_deleted']],
  ['moved and emptied on the way', facts({ changes: [{ status: 'D', path: 'a.test.ts', from: null }], files: [file('a.test.ts', ADDS, null), file('b.test.ts', null, "test('adds', () => {})\n")] }), ['test_deleted', 'test_emptied']],
  ['a test renamed out of sight', facts({ changes: [{ status: 'R', path: 'src/a.test.ts.bak', from: 'src/a.test.ts' }], files: [file('src/a.test.ts.bak', TESTS, TESTS, 'src/a.test.ts')] }), ['test_deleted']],
  ['a Go test renamed to a source file', facts({ changes: [{ status: 'R', path: 'a.go', from: 'a_test.go' }], files: [file('a.go', 'func TestA(t *testing.T) {}', 'func TestA(t *testing.T) {}', 'a_test.go')] }), ['test_deleted']],
  ['a test file made a link', facts({ changes: [{ status: 'T', path: 'src/a.test.ts', from: null }], files: [file('src/a.test.ts', TESTS, null)] }), ['test_deleted']],
  ['a link made a test file', facts({ changes: [{ status: 'T', path: 'src/a.test.ts', from: null }], files: [file('src/a.test.ts', null, TESTS)] }), []],
  ['a test file that is too large now', facts({ files: [{ ...file('src/a.test.ts', TESTS, null), unread: 'it is larger than 512 KiB' }] }), ['test_deleted', 'check_weakened']],
  ['a test file that was too large before', facts({ files: [{ ...file('src/a.test.ts', null, TESTS), unread: 'it is larger than 512 KiB' }] }), ['check_weakened (shown)']],
  ['more changed test files than are read', facts({ passedOver: 3 }), ['check_weakened']],
  ['the same, with proof that as many run', facts({ passedOver: 3, base: ran(5), head: ran(5) }), ['check_weakened (shown)']],
  ['CI', facts({ changes: [{ status: 'M', path: '.github/workflows/ci.yml', from: null }] }), ['ci_changed']],
  ['CI taken away', facts({ changes: [{ status: 'D', path: '.gitlab-ci.yml', from: null }] }), ['ci_changed']],
  ['CI where there was none', facts({ changes: [{ status: 'A', path: '.github/workflows/ci.yml', from: null }] }), ['ci_changed (shown)']],
  ['our own files', facts({ changes: [{ status: 'A', path: 'SPEC.md', from: null }, { status: 'A', path: '.ai/x', from: null }] }), ['protected_file', 'protected_file']],
  ['fewer tests', facts({ base: ran(5), head: ran(4) }), ['fewer_tests']],
  ['skipped instead of run', facts({ base: ran(5), head: ran(4, 0, 1) }), ['fewer_tests']],
  ['failing instead of passing is no matter of integrity', facts({ base: ran(5), head: ran(4, 1) }), []],
  ['a test that is gone', facts({ files: [file('a.test.ts', TESTS, ADDS)] }), ['fewer_tests']],
  ['a test that is gone, with proof that as many run', facts({ files: [file('a.test.ts', TESTS, ADDS)], base: ran(5), head: ran(5) }), ['fewer_tests (shown)']],
  ['a test with another name', facts({ files: [file('a.test.ts', TESTS, TESTS.replace('subtracts', 'takes away'))] }), []],
  ['a runner that says nothing any more', facts({ base: ran(5), head: [{ command: 't', exitCode: 0, durationMs: 1, timedOut: false, outputTail: '', tests: null }], ranHead: [{ command: 't', output: null, whole: true, junit: null }] }), ['fewer_tests']],
])('%s', (_name, given, expected) => expect(rules(inspect(given))).toEqual(expected))

test('with names known it is said which tests no longer run', () => {
  const [finding] = inspect(facts({ head: ran(1), ranBase: ranTests('a > x', 'a > y'), ranHead: ranTests('a > y') }))
  expect(finding).toMatchObject({ rule: 'fewer_tests', message: '`t` ran 1 tests; at base it ran 2. No longer run: a > x' })
})

test('a baseline from which only the counts were kept is still held against its like', () => {
  const counted = ran(2).map((check) => ({ ...check, counted: 'junit' as const }))
  expect(rules(inspect(facts({ base: counted, head: ran(1), ranHead: ranTests('a') })))).toEqual(['fewer_tests'])
  expect(rules(inspect(facts({ base: counted, head: ran(2), ranHead: ranTests('a', 'b') })))).toEqual([])
})

test('as many tests by other names are as many tests', () => expect(inspect(facts({ head: ran(2), ranBase: ranTests('a', 'b'), ranHead: ranTests('a', 'c') }))).toEqual([]))

test('neither way of counting hides what the other one sees', () => {
  const output = (passed: number) => ({ counts: { passed, failed: 0, skipped: 0 }, ofTests: true })
  const both = (names: string[], passed: number) => ranTests(...names).map((one) => ({ ...one, output: output(passed) }))
  expect(rules(inspect(facts({ head: ran(2), ranBase: both(['a', 'b'], 2), ranHead: both(['a', 'b'], 1) })))).toEqual(['fewer_tests'])
  expect(rules(inspect(facts({ head: ran(2), ranBase: both(['a', 'b'], 2), ranHead: both(['a'], 2) })))).toEqual(['fewer_tests'])
  // Packages that passed prove nothing about their tests.
  const packages = [{ command: 't', output: { counts: { passed: 2, failed: 0, skipped: 0 }, ofTests: false }, whole: true, junit: null }]
  expect(rules(inspect(facts({ head: ran(2), ranBase: packages, ranHead: packages, files: [file('a.test.ts', TESTS, ADDS)] })))).toEqual(['fewer_tests'])
})

describe('what is a test', () => {
  test.each(['a.test.ts', 'src/b.spec.jsx', 'x_test.go', 'test_y.py', 'y_test.py', 'tests/unit.rs', 'src/test/java/Foo.java', 'FooTest.java', '__tests__/a.js', 'spec/a_spec.rb', 'conftest.py'])('%s is', (path) => expect(isTestPath(path)).toBe(true))
  test.each(['src/spec.ts', 'src/testing.ts', 'latest.ts', 'tests/data.json', 'contest.py', 'docs/test.md', 'src/spec/parse.ts'])('%s is not', (path) => expect(isTestPath(path)).toBe(false))
})

test('reads what git says', () => {
  const id = (letter: string) => letter.repeat(40)
  expect(parseRaw(`:100644 100755 ${id('a')} ${id('b')} M\0a b\0:100644 100644 ${id('a')} ${id('b')} R087\0old ü\0new\0:100644 000000 ${id('a')} ${id('0')} D\0gone\0:100644 120000 ${id('a')} ${id('c')} T\0link\0`).map(({ status, path, from, after }) => [status, path, from, after.mode])).toEqual([
    ['M', 'a b', null, '100755'],
    ['R', 'new', 'old ü', '100644'],
    ['D', 'gone', null, '000000'],
    ['T', 'link', null, '120000'],
  ])
  expect(parseRaw('')).toEqual([])
  expect(parseShort(' 3 files changed, 10 insertions(+), 1 deletion(-)\n')).toEqual({ files: 3, insertions: 10, deletions: 1 })
  expect(parseShort('')).toEqual({ files: 0, insertions: 0, deletions: 0 })
})
