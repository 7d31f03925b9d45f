import type { IntegrityFinding } from '@factory/shared'
import { describe, expect, test } from 'bun:test'
import { parseNames, parsePatch, parseShort } from './diff.ts'
import { inspect, isTestPath, type ChangeFacts } from './integrity.ts'

const changed = { status: 'M', path: 'src/a.ts', from: null } as const
const facts = (more: Partial<ChangeFacts>): ChangeFacts => ({ onBase: true, changes: [changed], patches: [], manifests: [], base: [], head: [], ...more })
const rules = (findings: IntegrityFinding[]): string[] => findings.map((finding) => `${finding.rule}${finding.blocking ? '' : ' (shown)'}`)
const patch = (path: string, added: string[], removed: string[] = []) => facts({ patches: [{ path, added, removed }] })
const manifest = (base: object, head: object) => facts({ manifests: [{ path: 'package.json', base: JSON.stringify({ scripts: base }), head: JSON.stringify({ scripts: head }) }] })
const ran = (passed: number, failed = 0, skipped = 0) => [{ command: 't', exitCode: 0, durationMs: 1, timedOut: false, outputTail: '', tests: { passed, failed, skipped } }]

test.each<[string, ChangeFacts, string[]]>([
  ['an ordinary change', facts({}), []],
  ['nothing changed', facts({ changes: [] }), ['empty_diff']],
  ['not on base', facts({ onBase: false }), ['not_on_base']],
  ['a test deleted', facts({ changes: [{ status: 'D', path: 'src/a.test.ts', from: null }] }), ['test_deleted']],
  ['a source file deleted', facts({ changes: [{ status: 'D', path: 'src/a.ts', from: null }] }), []],
  ['a test moved', facts({ changes: [{ status: 'R', path: 'tests/b.test.ts', from: 'src/a.test.ts' }] }), []],
  ['a test renamed out of sight', facts({ changes: [{ status: 'R', path: 'src/a.test.ts.bak', from: 'src/a.test.ts' }] }), ['test_deleted']],
  ['CI', facts({ changes: [{ status: 'M', path: '.github/workflows/ci.yml', from: null }] }), ['ci_changed (shown)']],
  ['our own files', facts({ changes: [{ status: 'A', path: 'SPEC.md', from: null }, { status: 'A', path: '.ai/x', from: null }] }), ['protected_file', 'protected_file']],
  ['it.skip', patch('a.test.ts', ["it.skip('adds', () => {"], ["it('adds', () => {"]), ['test_skipped']],
  ['test.only', patch('a.test.ts', ["test.only('adds', () => {})"]), ['test_skipped']],
  ['describe.each().skip by option', patch('a.test.mjs', ["test('adds', { skip: true }, () => {})"]), ['test_skipped']],
  ['xit', patch('a.spec.js', ["xit('adds', () => {})"]), ['test_skipped']],
  ['a skip that moved', patch('a.test.ts', ["  it.skip('adds', () => {"], ["it.skip('adds', () => {"]), []],
  ['an ordinary word', patch('a.test.ts', ["test('skips blanks', () => only(1))"]), []],
  ['pytest', patch('tests/test_a.py', ['@pytest.mark.skip(reason="later")']), ['test_skipped']],
  ['xfail', patch('test_a.py', ['@pytest.mark.xfail']), ['test_skipped']],
  ['unittest', patch('test_a.py', ['    @unittest.skip("x")']), ['test_skipped']],
  ['go', patch('a_test.go', ['\tt.Skip("later")']), ['test_skipped']],
  ['rust', patch('tests/a.rs', ['#[ignore]']), ['test_skipped']],
  ['java', patch('src/test/java/ATest.java', ['  @Disabled("later")']), ['test_skipped']],
  ['fewer tests', facts({ base: ran(5), head: ran(4) }), ['fewer_tests']],
  ['skipped instead of run', facts({ base: ran(5), head: ran(4, 0, 1) }), ['fewer_tests']],
  ['failing instead of passing is no matter of integrity', facts({ base: ran(5), head: ran(4, 1) }), []],
  ['test script emptied', manifest({ test: 'bun test' }, { test: 'true' }), ['check_weakened']],
  ['test script taken away', manifest({ test: 'bun test' }, {}), ['check_weakened']],
  ['test script softened', manifest({ test: 'bun test' }, { test: 'bun test || true' }), ['check_weakened']],
  ['test script grown', manifest({ test: 'bun test' }, { test: 'tsc && bun test' }), ['check_weakened (shown)']],
  ['a new script', manifest({}, { test: 'bun test', build: 'x' }), []],
  ['another script', manifest({ dev: 'a' }, { dev: 'b' }), []],
])('%s', (_name, given, expected) => expect(rules(inspect(given))).toEqual(expected))

describe('what is a test', () => {
  test.each(['a.test.ts', 'src/b.spec.jsx', 'x_test.go', 'test_y.py', 'y_test.py', 'tests/unit.rs', 'src/test/java/Foo.java', 'FooTest.java', '__tests__/a.js', 'spec/a_spec.rb'])('%s is', (path) => expect(isTestPath(path)).toBe(true))
  test.each(['src/spec.ts', 'src/testing.ts', 'latest.ts', 'tests/data.json', 'contest.py', 'docs/test.md', 'src/spec/parse.ts'])('%s is not', (path) => expect(isTestPath(path)).toBe(false))
})

test('reads what git says', () => {
  expect(parseNames('M\0a b\0R100\0old ü\0new\0D\0gone\0')).toEqual([
    { status: 'M', path: 'a b', from: null },
    { status: 'R', path: 'new', from: 'old ü' },
    { status: 'D', path: 'gone', from: null },
  ])
  expect(parseShort(' 3 files changed, 10 insertions(+), 1 deletion(-)\n')).toEqual({ files: 3, insertions: 10, deletions: 1 })
  expect(parseShort('')).toEqual({ files: 0, insertions: 0, deletions: 0 })
  expect(parsePatch('diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-old\n+++ b/fake\n+-- new\ndiff --git a/y z b/y z\n--- a/y z\n+++ b/y z\t\n@@ -0,0 +1 @@\n+1\n')).toEqual([
    { path: 'x', added: ['++ b/fake', '-- new'], removed: ['old'] },
    { path: 'y z', added: ['1'], removed: [] },
  ])
})
