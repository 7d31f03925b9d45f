import type { VerifyReport } from '@factory/shared/ralph'
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { main } from '../cli/commands.ts'
import { openGit } from '../git/git.ts'
import { makeRepo, PATH, toRan, type Repo } from '../testing.ts'
import { readChanges } from './diff.ts'
import { dirtyPaths } from './dirty.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

type Files = Record<string, string | null>
const LINK = 'link to '

/** `ralph verify` of one commit on another: files by path, null deletes, "link to x" links. */
async function verify(before: Record<string, string>, after: Files, ...argv: string[]): Promise<VerifyReport> {
  repo = await makeRepo(before)
  const base = repo.git('rev-parse', 'HEAD')
  for (const [path, text] of Object.entries(after)) {
    if (text === null || text.startsWith(LINK)) await rm(join(repo.dir, path))
    if (text?.startsWith(LINK)) await symlink(text.slice(LINK.length), join(repo.dir, path))
    else if (text !== null) await repo.write({ [path]: text })
  }
  repo.git('add', '--all')
  repo.git('commit', '--quiet', '--message=change')
  const out: string[] = []
  const exitCode = await main(['verify', '--base', base, '--head', 'HEAD', ...argv], { env: { PATH }, cwd: repo.dir, out: (line) => out.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
  const [finished] = toRan(exitCode, out).of('run.finished')
  if (!finished?.report) throw new Error(finished?.reason ?? 'no end')
  expect(exitCode).toBe(finished.report.passed ? 0 : 10)
  return finished.report
}

const rules = (report: VerifyReport): string[] => report.findings.map((finding) => `${finding.rule}${finding.asked ? ' (asked)' : finding.blocking ? '' : ' (shown)'}`)
const OK = ['--verify', 'true']
const ADDS = "import { expect, test } from 'bun:test'\ntest('adds', () => {\n  expect(1 + Number('1')).toBe(2)\n})\n"
const BOTH = `${ADDS}test('subtracts', () => {\n  expect(2 - Number('1')).toBe(1)\n})\n`

describe('each rule, in a repository', () => {
  test.each<[string, Record<string, string>, Files, string[]]>([
    ['a test file deleted', { 'src/ä b.test.ts': ADDS }, { 'src/ä b.test.ts': null, 'b.ts': 'x' }, ['test_deleted']],
    ['a test file made a link', { 'a.test.ts': ADDS, 'b.ts': 'b' }, { 'a.test.ts': `${LINK}b.ts` }, ['test_deleted']],
    ['a test skipped', { 'a.test.ts': ADDS }, { 'a.test.ts': ADDS.replace('test(', 'test.skip(') }, ['test_skipped']],
    ['a test emptied', { 'a.test.ts': ADDS }, { 'a.test.ts': ADDS.replace(/expect\(.*/, 'expect(true).toBe(true)') }, ['test_emptied']],
    ['a test emptied, with other line ends', { 'a.test.ts': ADDS }, { 'a.test.ts': ADDS.replace(/expect\(.*/, '').replaceAll('\n', '\r\n') }, ['test_emptied']],
    ['only the line ends changed', { 'a.test.ts': BOTH }, { 'a.test.ts': BOTH.replaceAll('\n', '\r\n') }, []],
    ['a test gone', { 'a.test.ts': BOTH }, { 'a.test.ts': ADDS }, ['fewer_tests']],
    ['a module of Rust tests gone', { 'src/a.rs': 'pub fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn works() { assert!(super::a() == ()); }\n}\n' }, { 'src/a.rs': 'pub fn a() {}\n' }, ['fewer_tests']],
    ['a Python test emptied', { 'tests/test_a.py': 'def test_a():\n    assert f() == 1\n' }, { 'tests/test_a.py': 'def test_a():\n    pass\n' }, ['test_emptied']],
    ['a Go test taken out of the build', { 'a_test.go': 'package a\n' }, { 'a_test.go': '//go:build never\n\npackage a\n' }, ['test_skipped']],
    ['a Java class disabled', { 'src/test/java/ATest.java': 'class ATest {\n  @Test void a() { assertEquals(1, f()); }\n}\n' }, { 'src/test/java/ATest.java': '@Disabled\nclass ATest {\n  @Test void a() { assertEquals(1, f()); }\n}\n' }, ['test_skipped']],
    ['a coverage floor lowered', { '.coveragerc': '[report]\nfail_under = 90\n' }, { '.coveragerc': '[report]\nfail_under = 10\n' }, ['coverage_lowered']],
    ['a pytest setting', { 'pytest.ini': '[pytest]\ntestpaths = a b\n' }, { 'pytest.ini': '[pytest]\ntestpaths = a\n' }, ['check_weakened']],
    ['a Makefile', { Makefile: 'test:\n\tbun test\n' }, { Makefile: 'test:\n\t@true\n' }, ['check_weakened']],
    ['a test file that is no text any more', { 'a.test.ts': ADDS }, { 'a.test.ts': `${ADDS}\0` }, ['test_deleted', 'check_weakened']],
    ['only the line ends of a Makefile changed', { Makefile: 'test: unit\n\tbun test\n\nunit:\n\ttrue\n' }, { Makefile: 'test: unit\r\n\tbun test\r\n\r\nunit:\r\n\ttrue\r\n' }, []],
    ['a CI file', { '.github/workflows/a.yml': 'a' }, { '.github/workflows/a.yml': 'b' }, ['ci_changed']],
    ['tests moved into another file', { 'a.test.ts': BOTH }, { 'a.test.ts': ADDS, 'b/c.test.ts': BOTH.replace(/test\('adds'[^]*?\}\)\n/, '') }, []],
  ])('%s', async (_name, before, after, expected) => {
    const report = await verify({ 'README.md': 'x', ...before }, after, ...OK)
    expect(rules(report)).toEqual(expected)
    expect(report.passed).toBe(expected.every((rule) => rule.endsWith('(shown)')))
  })

  test.each<[string, Record<string, string>, Files, string, string[]]>([
    ['by a shell', { 'ci/check.sh': 'set -e\ntest -e a\n' }, { 'ci/check.sh': 'exit 0\n' }, 'sh ci/check.sh', ['check_weakened']],
    ['in the root', { 'check.sh': 'test -e a\n' }, { 'check.sh': 'exit 0\n' }, './check.sh', ['check_weakened']],
    ['in another language', { 'acceptance.py': 'import os\nassert os.path.exists("a")\n' }, { 'acceptance.py': 'pass\n' }, 'python3 acceptance.py', ['check_weakened']],
    ['with more in it', { 'check.sh': 'test -e a\n' }, { 'check.sh': 'test -e a\ntest -e b\n' }, 'sh check.sh', ['check_weakened (shown)']],
    ['by a script of package.json', { 'package.json': '{"scripts":{"accept":"sh run.sh"}}', 'run.sh': 'test -e a\n' }, { 'run.sh': 'exit 0\n' }, 'bun run accept', ['check_weakened']],
    ['by a target', { Makefile: 'accept:\n\t@sh run.sh\n', 'run.sh': 'test -e a\n' }, { 'run.sh': 'exit 0\n' }, 'make accept', ['check_weakened']],
    ['by a target of an included file', { Makefile: 'include ci.inc\n', 'ci.inc': 'accept:\n\ttest -e a\n' }, { 'ci.inc': 'accept:\n\ttrue\n' }, 'make accept', ['check_weakened']],
    ['by a target that another file holds', { Makefile: 'include ci.inc\ncheck: inner\n', 'ci.inc': 'inner:\n\ttest -e a\n' }, { 'ci.inc': 'inner:\n\ttrue\n' }, 'make check', ['check_weakened']],
    ['by a script', { 'ci/check.sh': 'sh ci/inner.sh\n', 'ci/inner.sh': 'test -e a\n' }, { 'ci/inner.sh': 'exit 0\n' }, 'sh ci/check.sh', ['check_weakened']],
    ['by a script beside it', { 'ci/check.sh': '#!/bin/sh\n"$(dirname "$0")/inner.sh"\n', 'ci/inner.sh': 'test -e a\n' }, { 'ci/inner.sh': 'exit 0\n' }, 'sh ci/check.sh', ['check_weakened']],
    ['by a script that a script of package.json runs', { 'package.json': '{"scripts":{"check":"./check"}}', check: '#!/bin/sh\nnode look.mjs\n', 'look.mjs': 'f()\n' }, { 'look.mjs': '\n' }, 'npm run check', ['check_weakened']],
    ['the product itself', { 'hello.py': 'print(1)\n', 'src/main.py': '1\n' }, { 'hello.py': 'print(2)\n', 'src/main.py': '2\n' }, 'python3 hello.py | grep -q 2 && python3 src/main.py', []],
    ['what is only built', { 'package.json': '{"scripts":{"test":"tsc main.ts && bun test","dev":"node serve.js"}}', 'main.ts': '1\n', 'serve.js': '1\n' }, { 'main.ts': '2\n', 'serve.js': '2\n' }, 'npm test', []],
    ['a test by its path', { 'a.test.ts': ADDS }, { 'a.test.ts': ADDS.replace("'1'", "'2'").replace('toBe(2)', 'toBe(3)') }, 'bun run a.test.ts', []],
  ])('a file that a check runs: %s', async (_name, before, after, command, expected) => {
    expect(rules(await verify({ a: '', ...before }, after, '--verify', command))).toEqual(expected)
  })

  const HELPED = ADDS.replace(/expect\(.*/, "roundtrip(1 + Number('1'), 2)").replace("import { expect, test } from 'bun:test'", "import { test } from 'bun:test'\nimport { roundtrip } from './helper'")
  test.each<[string, string, string[]]>([
    ['asserts', "import { expect } from 'bun:test'\nexport function roundtrip(a: number, b: number): void {\n  expect(a).toBe(b)\n}\n", []],
    ['asserts nothing', "import { expect } from 'bun:test'\nexport function roundtrip(a: number, b: number): void {\n  void expect\n}\n", ['test_emptied']],
    ['is the product', 'export function roundtrip(a: number, b: number): void {\n  console.assert(a === b)\n}\n', ['test_emptied']],
  ])('a test that calls a function of an unchanged file that %s', async (_name, helper, expected) => {
    expect(rules(await verify({ 'a.test.ts': ADDS, 'helper.ts': helper }, { 'a.test.ts': HELPED }, ...OK))).toEqual(expected)
  })

  test('a submodule in the place of a test folder', async () => {
    repo = await makeRepo({ 'tests/a.test.ts': ADDS })
    const base = repo.git('rev-parse', 'HEAD')
    repo.git('rm', '-r', '--quiet', 'tests')
    repo.git('update-index', '--add', '--cacheinfo', `160000,${base},tests`)
    repo.git('commit', '--quiet', '--message=change')
    const out: string[] = []
    const exitCode = await main(['verify', '--base', base, '--head', 'HEAD', ...OK], { env: { PATH }, cwd: repo.dir, out: (line) => out.push(line), err: () => undefined, color: false, now: () => new Date(), signal: new AbortController().signal })
    expect(toRan(exitCode, out).of('verify.finished')[0]?.report.findings.map((finding) => finding.rule)).toEqual(['test_deleted'])
  })

  test('hundreds of test files at once', async () => {
    const many = (text: string) => Object.fromEntries(Array.from({ length: 650 }, (_, index) => [`t/a${index}.test.ts`, text]))
    const report = await verify(many(ADDS), many(ADDS.replace('Number', 'Math.abs')), ...OK)
    expect(report.findings).toMatchObject([{ rule: 'check_weakened', blocking: true, message: '50 more changed test and check files were not compared' }])
  })
})

describe('what the spec asks for', () => {
  test.each<[string, string[], boolean]>([
    ['Delete old.test.ts', ['test_deleted (asked)'], true],
    ['Add tests beside old.test.ts', ['test_deleted'], false],
  ])('%s', async (task, expected, passed) => {
    const report = await verify({ 'old.test.ts': ADDS, 'ASKED.md': `# T\n\n- [x] ${task}\n` }, { 'old.test.ts': null }, ...OK, '--spec', 'ASKED.md')
    expect(rules(report)).toEqual(expected)
    expect(report.passed).toBe(passed)
    if (passed) expect(report.reason).toBe('1 of 1 checks passed; the spec asks for this, and a person has to look at it: the test file old.test.ts was deleted')
  })
  test('the executed tests that went with it are explained', async () => {
    const report = await verify({ 'old.test.ts': BOTH, 'a.test.ts': ADDS, 'ASKED.md': '- [x] Delete old.test.ts\n' }, { 'old.test.ts': null }, '--verify', 'bun test', '--spec', 'ASKED.md')
    expect(rules(report)).toEqual(['test_deleted (asked)', 'fewer_tests (asked)'])
    expect(report.passed).toBe(true)
  })
})

describe('required checks', () => {
  const failing = { a: '1' }
  test('fail although they failed before; a --verify of the same command does not make them optional', async () => {
    const report = await verify(failing, { b: '2' }, ...OK, '--verify', 'test -e c', '--require', 'test -e c')
    expect(report).toMatchObject({ passed: false, reason: '`test -e c` failed before the change already, and the spec asks for it: it exited with 1' })
    expect(report.base.map((check) => [check.command, check.exitCode])).toEqual([['true', 0], ['test -e c', 1]])
  })
  test('are enough by themselves, and pass when the work makes them pass', async () => {
    expect(await verify(failing, { c: '2' }, '--require', 'test -e c')).toMatchObject({ passed: true, base: [{ exitCode: 1 }], head: [{ exitCode: 0 }] })
  })
})

describe('executed tests', () => {
  test('bun test: one less in the output', async () => {
    const report = await verify({ 'a.test.ts': BOTH }, { 'a.test.ts': BOTH.replace("test('sub", "test.if(false)('sub") }, '--verify', 'bun test')
    expect(report.head).toMatchObject([{ tests: { passed: 1, failed: 0, skipped: 1 }, counted: 'output' }])
    expect(report.findings).toMatchObject([{ rule: 'fewer_tests', message: '`bun test` ran 1 tests; at base it ran 2' }])
  })

  const NODE = (name: string) => `const { test } = require('node:test')\nconst assert = require('node:assert')\ntest('stays', () => assert.equal(Number('1'), 1))\nfor (const name of [${name}]) test(name, () => assert.equal(Number('2'), 2))\n`
  test('node --test: by name, from the JUnit file it was asked for, its output as it was', async () => {
    const report = await verify({ 'a.test.js': NODE("'goes'"), 'package.json': '{"scripts":{"test":"node --test"}}' }, { 'a.test.js': NODE('') }, '--verify', 'npm test')
    expect(report.base).toMatchObject([{ tests: { passed: 2, failed: 0, skipped: 0 }, counted: 'junit', outputTail: expect.stringContaining('# pass 2') }])
    expect(report.findings).toMatchObject([{ rule: 'fewer_tests', message: '`npm test` ran 1 tests; at base it ran 2. No longer run: goes' }])
  })
  test('node with a reporter of its own is left alone', async () => {
    const report = await verify({ 'a.test.js': NODE('') }, { b: 'x' }, '--verify', 'node --test --test-reporter=tap')
    expect(report).toMatchObject({ passed: true, head: [{ tests: { passed: 1 }, counted: 'output' }] })
  })

  const WRITES = (tests: string[]) => `printf '<testsuite name="s">${tests.map((name) => `<testcase name="${name}"/>`).join('')}</testsuite>' > out.xml\n`
  test('any JUnit file that is written during the check counts', async () => {
    const report = await verify({ 'run.sh': WRITES(['a', 'b']), '.gitignore': 'out.xml\n', names: '' }, { 'run.sh': WRITES(['b', 'c', 'd']) }, '--verify', 'sh run.sh')
    expect(report).toMatchObject({ base: [{ tests: { passed: 2 }, counted: 'junit' }], head: [{ tests: { passed: 3 }, counted: 'junit' }] })
  })
  test('one that was committed, or made by the setup, does not', async () => {
    const forged = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
    const report = await verify({ a: '' }, { 'forged.xml': forged, 'setup.sh': `printf '${forged}' > made.xml\n` }, '--setup', 'test ! -e setup.sh || sh setup.sh', '--verify', 'touch forged.xml')
    expect(report.head).toMatchObject([{ tests: null }])
  })
})

const pytest = Bun.which('pytest') !== null && Bun.spawnSync(['pytest', '--version'], { env: { PATH, HOME: '/nonexistent' }, stdout: 'ignore', stderr: 'ignore' }).exitCode === 0
if (!pytest) console.warn('SKIPPED pytest writes JUnit: there is no pytest here')
describe.skipIf(!pytest)('pytest', () => {
  const TESTS = 'import pytest\n\n@pytest.mark.parametrize("n", [1, 2])\ndef test_table(n):\n    assert n > 0\n\ndef test_other():\n    assert int("1") == 1\n'
  test('by name, from the JUnit file it was asked for, also when it says little', async () => {
    const report = await verify({ 'tests/test_a.py': TESTS }, { 'tests/test_a.py': TESTS.replace('[1, 2]', '[1]') }, '--verify', 'pytest -q -p no:cacheprovider')
    expect(report.base).toMatchObject([{ exitCode: 0, tests: { passed: 3, failed: 0, skipped: 0 }, counted: 'junit' }])
    expect(report.findings).toMatchObject([{ rule: 'fewer_tests', message: expect.stringContaining('No longer run: tests.test_a > test_table[2]') }])
  })
  test('skipped is not executed', async () => {
    const report = await verify({ 'tests/test_a.py': TESTS }, { 'tests/test_a.py': TESTS.replace('def test_other', '@pytest.mark.skip\ndef test_other') }, '--verify', 'pytest -q')
    expect(rules(report)).toEqual(['test_skipped', 'fewer_tests'])
    expect(report.head).toMatchObject([{ tests: { passed: 2, failed: 0, skipped: 1 } }])
  })
})

test('line ends and byte order marks are read as one kind', async () => {
  repo = await makeRepo({ 'a.test.ts': '\uFEFFa\r\nb\rc\n' })
  const base = repo.git('rev-parse', 'HEAD')
  await repo.write({ 'a.test.ts': 'a\r\nd' })
  repo.git('commit', '--quiet', '--all', '--message=change')
  expect((await readChanges(openGit(repo.dir, PATH), base, 'HEAD', [])).files).toEqual([{ path: 'a.test.ts', from: null, base: 'a\nb\nc\n', head: 'a\nd', unread: null }])
})

test('what no commit holds is found in the tree, what is ignored is not', async () => {
  repo = await makeRepo({ 'a b.txt': 'a', '.gitignore': 'dist\n' })
  const git = openGit(repo.dir, PATH)
  expect(await dirtyPaths(git)).toEqual([])
  await repo.write({ 'a b.txt': 'changed', 'new/ü.txt': 'x', 'dist/out': 'x', staged: 'x' })
  repo.git('add', 'staged')
  expect((await dirtyPaths(git)).toSorted()).toEqual(['a b.txt', 'new/ü.txt', 'staged'])
})
