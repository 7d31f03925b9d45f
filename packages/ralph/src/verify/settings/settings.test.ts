import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { FileText } from '../facts.ts'
import { isGrown, linesGrown } from '../grown.ts'
import { compareScripts, compareTargets } from './commands.ts'
import { compareSettings } from './compare.ts'
import { compareFloors } from './floors.ts'
import { compareScriptFile, scriptsNamed } from './scripts.ts'

const file = (path: string, base: string | null, head: string | null): FileText => ({ path, from: null, base, head, unread: null })
const inspect = (path: string, base: string | null, head: string | null, commands: string[] = [], proved = false): string[] => {
  const given = file(path, base, head)
  const findings = [...compareScripts(given, commands), ...compareTargets(given, commands), ...compareSettings(given, proved), ...compareFloors(given), ...compareScriptFile(given, scriptsNamed(commands))]
  return findings.map((finding) => `${finding.rule}${finding.blocking ? '' : ' (shown)'}`)
}
const scripts = (given: Record<string, string>): string => JSON.stringify({ name: 'x', scripts: given })
const WEAKENED = ['check_weakened']
const SHOWN = ['check_weakened (shown)']
const LOWERED = ['coverage_lowered']

describe('scripts of package.json', () => {
  test.each<[Record<string, string>, Record<string, string>, string[], string[]]>([
    [{ test: 'bun test' }, { test: 'true' }, [], WEAKENED],
    [{ test: 'bun test' }, {}, [], WEAKENED],
    [{ test: 'bun test' }, { test: 'bun test || true' }, [], WEAKENED],
    [{ test: 'bun test' }, { test: 'echo bun test' }, [], WEAKENED],
    [{ test: 'bun test' }, { test: 'bun test src/one.test.ts' }, [], WEAKENED],
    [{ test: 'vitest run' }, { test: 'vitest run --passWithNoTests' }, [], WEAKENED],
    [{ test: 'jest' }, { test: 'jest --testPathIgnorePatterns=slow' }, [], WEAKENED],
    [{ test: 'bun test' }, { test: 'bun test; exit 0' }, [], WEAKENED],
    [{ test: 'bun test' }, { test: 'tsc && bun test' }, [], SHOWN],
    [{ test: 'bun test' }, { test: 'bun test --coverage' }, [], SHOWN],
    [{ test: 'bun test' }, { test: 'bun test && oxlint' }, [], SHOWN],
    [{ test: 'bun test' }, { test: 'bun test --timeout 30000' }, [], SHOWN],
    [{}, { test: 'bun test', build: 'x' }, [], []],
    [{ dev: 'a' }, { dev: 'b' }, [], []],
    [{ acceptance: 'a' }, { acceptance: 'b' }, ['npm run acceptance'], WEAKENED],
    [{ test: 'npm run all', all: 'a' }, { test: 'npm run all', all: 'b' }, [], WEAKENED],
    [{ pretest: 'tsc', test: 'a' }, { test: 'a' }, [], WEAKENED],
    [{ test: 'jest --coverage', 'test:cov': 'c8 --lines 90 npm test' }, { test: 'jest --coverage', 'test:cov': 'c8 --lines 80 npm test' }, [], [...SHOWN, ...LOWERED]],
  ])('%j → %j (run: %j)', (before, after, commands, expected) => expect(inspect('package.json', scripts(before), scripts(after), commands)).toEqual(expected))
  test('one that is gone or no JSON any more', () => {
    expect(inspect('package.json', scripts({ test: 'bun test' }), null)).toEqual(WEAKENED)
    expect(inspect('package.json', scripts({ test: 'bun test' }), '{')).toEqual(WEAKENED)
    expect(inspect('package.json', scripts({ dev: 'x' }), null)).toEqual([])
  })
})

describe('targets of make and just', () => {
  const MAKE = 'FLAGS = -v\n.PHONY: test\n\nall: build\n\ntest: unit\n\tgo vet ./...\n\nunit:\n\tgo test $(FLAGS) ./...\n\nbuild:\n\tgo build\n'
  test.each<[string, string, string, string[]]>([
    ['a recipe softened', 'go vet ./...', 'go vet ./... || true', WEAKENED],
    ['errors ignored', '\tgo vet', '\t-go vet', WEAKENED],
    ['a recipe emptied', '\tgo vet ./...\n', '', WEAKENED],
    ['what it needs taken away', 'test: unit', 'test:', WEAKENED],
    ['what it needs changed', 'go test $(FLAGS) ./...', 'go test -short ./...', WEAKENED],
    ['a variable it uses', 'FLAGS = -v', 'FLAGS = -run TestOne', WEAKENED],
    ['the target gone', 'test: unit\n\tgo vet ./...\n', '', [...WEAKENED]],
    ['more done', '\tgo vet ./...\n', '\tgo vet ./...\n\tgo test -race ./...\n', SHOWN],
    ['more needed', 'test: unit', 'test: unit lint', SHOWN],
    ['another target', 'go build', 'go build -o x', []],
    ['a new target', 'all: build\n', 'all: build\n\nclean:\n\trm x\n', []],
  ])('%s', (_name, from, to, expected) => expect(inspect('Makefile', MAKE, MAKE.replace(from, to))).toEqual(expected))
  test('a target is watched because a check calls it', () => {
    expect(inspect('Makefile', MAKE, MAKE.replace('go build', 'true'), ['make build'])).toEqual(WEAKENED)
    expect(inspect('justfile', 'smoke:\n  ./run\n', 'smoke:\n  true\n', ['just smoke'])).toEqual(WEAKENED)
    expect(inspect('justfile', 'test *args:\n  cargo test {{args}}\n', null)).not.toEqual([])
  })
})

test('a file that a Makefile includes holds targets, whatever it is called', () => {
  const given = file('ci.inc', 'check:\n\ttest -s done.txt\n', 'check:\n\ttrue\n')
  expect(compareTargets(given, [])).toEqual([])
  expect(compareTargets(given, [], ['ci.inc'])).toMatchObject([{ rule: 'check_weakened', blocking: true }])
})

describe('settings of test runners', () => {
  test.each<[string, string | null, string | null, string[]]>([
    ['jest.config.js', 'module.exports = { preset: "x" }', 'module.exports = { preset: "x", testPathIgnorePatterns: ["legacy"] }', WEAKENED],
    ['jest.config.js', 'module.exports = { testPathIgnorePatterns: ["a", "b"] }', 'module.exports = { testPathIgnorePatterns: ["a"] }', []],
    ['jest.config.ts', 'export default { testMatch: ["**/*.test.ts", "**/*.spec.ts"] }', 'export default {\n  testMatch: [\n    "**/*.spec.ts",\n    "**/*.test.ts",\n  ],\n}', []],
    ['jest.config.ts', 'export default { testMatch: ["**/*.test.ts", "**/*.spec.ts"] }', 'export default { testMatch: ["**/*.test.ts"] }', WEAKENED],
    ['jest.config.js', 'module.exports = {}', 'module.exports = { // testPathIgnorePatterns: ["a"]\n}', []],
    ['vitest.config.ts', 'export default defineConfig({ test: { globals: true } })', 'export default defineConfig({ test: { globals: true, exclude: ["**/slow/**"] } })', WEAKENED],
    ['jest.config.unit.js', 'module.exports = {}', 'module.exports = { testPathIgnorePatterns: ["a"] }', WEAKENED],
    ['vite.config.ts', 'export default { plugins: [a()] }', 'export default { plugins: [a(), b()] }', []],
    ['package.json', '{"jest":{"preset":"x"}}', '{"jest":{"preset":"x","testPathIgnorePatterns":["/slow/"]}}', WEAKENED],
    ['package.json', '{"files":["dist","src"]}', '{"files":["dist"]}', []],
    ['.mocharc.yml', 'spec: test/**/*.js\n', 'spec: test/one.js\n', WEAKENED],
    ['.mocharc.json', '{"forbidOnly": true}', '{}', WEAKENED],
    ['bunfig.toml', '[test]\nroot = "."\n', '[test]\nroot = "src/one"\n', WEAKENED],
    ['pytest.ini', '[pytest]\naddopts = -ra\n', '[pytest]\naddopts = -ra --ignore=tests/slow\n', WEAKENED],
    ['pytest.ini', '[pytest]\naddopts = -ra\n', '[pytest]\naddopts = -ra --strict-markers\n', SHOWN],
    ['pytest.ini', null, '[pytest]\naddopts = -k "not slow"\n', WEAKENED],
    ['pyproject.toml', '[tool.pytest.ini_options]\ntestpaths = [\n  "tests",\n  "more",\n]\n', '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n', WEAKENED],
    ['pyproject.toml', '[project]\nname = "x"\n', '[project]\nname = "x"\ndependencies = ["a"]\n', []],
    ['setup.cfg', '[tool:pytest]\nnorecursedirs = build\n', '[tool:pytest]\nnorecursedirs = build tests/slow\n', WEAKENED],
    ['tox.ini', '[testenv]\ncommands =\n    pytest\n    mypy src\n', '[testenv]\ncommands =\n    pytest\n', WEAKENED],
    ['Cargo.toml', '[[test]]\nname = "a"\n\n[[test]]\nname = "b"\n', '[[test]]\nname = "a"\n', WEAKENED],
    ['Cargo.toml', '[[test]]\nname = "a"\n', '[[test]]\nname = "a"\n\n[[test]]\nname = "b"\n', []],
    ['Cargo.toml', '[lib]\nname = "a"\n', '[lib]\nname = "a"\ntest = false\n', WEAKENED],
    ['Cargo.toml', '[[test]]\nname = "a"\n', '[[test]]\nname = "a"\nharness = false\n', WEAKENED],
    ['pom.xml', '<project><properties></properties></project>', '<project><properties><skipTests>true</skipTests></properties></project>', WEAKENED],
    ['pom.xml', '<plugin><configuration></configuration></plugin>', '<plugin><configuration><excludes><exclude>**/SlowTest.java</exclude></excludes></configuration></plugin>', WEAKENED],
    ['pom.xml', '<a><skipTests>false</skipTests></a>', '<a><skipTests>false</skipTests><version>2</version></a>', []],
    ['.mvn/maven.config', null, '-DskipTests\n', WEAKENED],
    ['.mvn/maven.config', '-T 4\n', '-T 4\n-Dmaven.test.skip=true\n', WEAKENED],
    ['.mvn/maven.config', '-T 4\n', '-T 4 --fail-never\n', WEAKENED],
    ['.mvn/jvm.config', '-Xmx1g\n', '-Xmx1g -DskipTests=true\n', WEAKENED],
    ['.mvn/maven.config', '-DskipTests\n', '-T 4\n', []],
    ['.mvn/maven.config', null, '-T 4 -DskipTests=false\n', []],
    ['build.gradle', 'test {\n  useJUnitPlatform()\n}\n', 'test {\n  useJUnitPlatform()\n  ignoreFailures = true\n}\n', WEAKENED],
    ['build.gradle.kts', 'tasks.test { useJUnitPlatform() }\n', 'tasks.test {\n  useJUnitPlatform()\n  exclude("**/SlowTest*")\n}\n', WEAKENED],
  ])('%s: %j → %j', (path, base, head, expected) => expect(inspect(path, base, head)).toEqual(expected))
  test('a new selection is fine when as many tests run', () => {
    const head = 'export default { testMatch: ["**/*.test.ts"] }'
    expect(inspect('jest.config.ts', 'export default {}', head)).toEqual(WEAKENED)
    expect(inspect('jest.config.ts', 'export default {}', head, [], true)).toEqual([])
  })
})

describe('coverage floors', () => {
  test.each<[string, string, string | null, string[]]>([
    ['jest.config.js', 'module.exports = { coverageThreshold: { global: { lines: 90, branches: 80 } } }', 'module.exports = { coverageThreshold: { global: { lines: 70, branches: 80 } } }', LOWERED],
    ['jest.config.js', 'module.exports = { coverageThreshold: { global: { lines: 90 } } }', 'module.exports = {}', LOWERED],
    ['jest.config.js', 'module.exports = { coverageThreshold: { global: { lines: 90 } } }', 'module.exports = { coverageThreshold: { global: { lines: 95 } } }', []],
    ['vitest.config.ts', 'export default { test: { coverage: { thresholds: { lines: 90 } } } }', 'export default { test: { coverage: { thresholds: { lines: 50 } } } }', LOWERED],
    ['.nycrc', '{"check-coverage": true, "lines": 90}', '{"check-coverage": false, "lines": 90}', LOWERED],
    ['.nycrc', '{"check-coverage": true, "lines": 90}', '{"check-coverage": true, "lines": 9}', LOWERED],
    ['.nycrc', '{"lines": 0}', '{}', []],
    ['package.json', '{"nyc":{"check-coverage":true,"lines":90}}', '{"nyc":{"lines":90}}', LOWERED],
    ['bunfig.toml', '[test]\ncoverageThreshold = 0.9\n', '[test]\ncoverageThreshold = 0.5\n', LOWERED],
    ['.coveragerc', '[report]\nfail_under = 90\n', '[report]\nfail_under = 80\n', LOWERED],
    ['pyproject.toml', '[tool.coverage.report]\nfail_under = 90\n', '[tool.coverage.report]\nshow_missing = true\n', LOWERED],
    ['pytest.ini', '[pytest]\naddopts = --cov --cov-fail-under=90\n', '[pytest]\naddopts = --cov --cov-fail-under=60\n', LOWERED],
    ['pom.xml', '<limit><minimum>0.80</minimum></limit>', '<limit><minimum>0.10</minimum></limit>', LOWERED],
    ['build.gradle', 'limit {\n minimum = 0.8\n}\n', 'limit {\n minimum = 0.3\n}\n', LOWERED],
    ['Makefile', 'cov:\n\tcargo llvm-cov --fail-under-lines 90\n', 'cov:\n\tcargo llvm-cov --fail-under-lines 10\n', [...SHOWN, ...LOWERED]],
    ['scripts/cover.sh', 'COVERAGE_THRESHOLD=80\ngo test -cover ./...\n', 'COVERAGE_THRESHOLD=20\ngo test -cover ./...\n', LOWERED],
  ])('%s: %j → %j', (path, base, head, expected) => expect(inspect(path, base, head)).toEqual(expected))
})

describe('scripts that a check runs', () => {
  test.each<[string, string[]]>([
    ['./scripts/test.sh', ['scripts/test.sh']],
    ['bash ci/check.sh --all && CI=1 sh ./t', ['ci/check.sh', 't']],
    ['python3 tools/check.py', ['tools/check.py']],
    ['bun run src/main.ts', []],
    ['node index.js', []],
    ['./check.sh', ['check.sh']],
    ['"./check.sh" --all', ['check.sh']],
    ['timeout 60 ./check.sh', ['check.sh']],
    ['sh run.sh', ['run.sh']],
    ['bash -eu ci/x.sh', ['ci/x.sh']],
    ['cd ci && sh x.sh', ['ci/x.sh']],
    ['sh "$(dirname "$0")/x.sh"', ['x.sh']],
    ['python3 acceptance.py', ['acceptance.py']],
    ['python3 -W error acceptance.py', ['acceptance.py']],
    ['node check.mjs', ['check.mjs']],
    ['node --import ./setup.mjs check.mjs', ['setup.mjs', 'check.mjs']],
    ['bun run tools/check.ts', ['tools/check.ts']],
    ['bun src/check.ts', ['src/check.ts']],
    ['deno run -A accept.ts', ['accept.ts']],
    ['npx tsx accept.ts', ['accept.ts']],
    ['ruby accept.rb; perl accept.pl', ['accept.rb', 'accept.pl']],
    ['bun run check', []],
    ['bun build app.ts', []],
    ['python3 -m pytest -q', []],
    ['tsc accept.ts', []],
    ['node hello.js | grep -q Hello', []],
    ['test "$(python3 hello.py)" = hello', []],
    ['node make.js > out.txt && diff out.txt want.txt', []],
    ['node check.js | grep -q Hello', ['check.js']],
    ['bun test', []],
    ['test "$(cat a.txt)" = b', []],
    ['grep -q x src/a.ts', []],
  ])('%s', (command, paths) => expect([...scriptsNamed([command])]).toEqual(paths))
  const SCRIPT = '#!/bin/sh\nset -e\nbun test\n'
  test.each<[string, string | null, string[]]>([
    ['emptied', '#!/bin/sh\n', WEAKENED],
    ['softened', SCRIPT.replace('bun test', 'bun test || true'), WEAKENED],
    ['ended before its time', SCRIPT.replace('bun test', 'exit 0\nbun test'), WEAKENED],
    ['deleted', null, WEAKENED],
    ['more in it', `${SCRIPT}oxlint\n`, SHOWN],
    ['a comment', `# why\n${SCRIPT}`, SHOWN],
  ])('%s', (_name, head, expected) => expect(inspect('t.sh', SCRIPT, head, ['sh t.sh'])).toEqual(expected))
})

describe('a check that is no shell script', () => {
  const PY = 'import os, sys\nok = os.path.exists("done.txt")\nsys.exit(0 if ok else 1)\n'
  test.each<[string, string, string[]]>([
    ['emptied', 'pass\n', WEAKENED],
    ['ended before its time', PY.replace('ok =', 'os._exit(0)\nok ='), WEAKENED],
    ['the same by an exception', PY.replace('ok =', 'raise SystemExit\nok ='), WEAKENED],
    ['put into a text', `x = """\n${PY}"""\n`, WEAKENED],
    ['put under a false condition', `if False:\n${PY.replace(/^/gm, '  ')}`, WEAKENED],
    ['more in it', PY.replace('ok =', 'print("looking")\nok ='), SHOWN],
  ])('%s', (_name, head, expected) => expect(inspect('acceptance.py', PY, head, ['python3 acceptance.py'])).toEqual(expected))
  test('a file of tests is judged by its tests, one that declares none as a script', () => {
    const declared = "import { test } from 'node:test'\ntest('a', () => { assert.equal(f(), 1) })\n"
    expect(inspect('a.test.js', declared, declared.replace('1', '2'), ['node a.test.js'])).toEqual([])
    expect(inspect('test.js', 'assert.equal(f(), 1)\n', 'f()\n', ['node test.js'])).toEqual(WEAKENED)
    expect(inspect('tests/run.sh', 'go test ./...\n', 'true\n', ['sh tests/run.sh'])).toEqual(WEAKENED)
  })
})

describe('properties', () => {
  const words = fc.array(fc.constantFrom('bun', 'test', '--coverage', 'src', '&&', 'tsc', '-v'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(' '))
  test('the same command is as much, and more after && is more', () => {
    fc.assert(fc.property(words, (command) => expect(isGrown(command, command)).toBe(true)))
    fc.assert(fc.property(words, (command) => expect(isGrown(command, `${command} && oxlint`)).toBe(true)))
    fc.assert(fc.property(words, fc.constantFrom('|| true', '; true', '| cat', '&'), (command, soft) => expect(isGrown(command, `${command} ${soft}`)).toBe(false)))
  })
  test('lines added between others take nothing away, lines taken away do', () => {
    const lines = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'), { minLength: 1 })
    fc.assert(fc.property(lines, fc.nat(5), (given, at) => expect(linesGrown(given, given.toSpliced(at, 0, 'echo more'))).toBe(true)))
    fc.assert(fc.property(lines, fc.nat(4), (given, at) => expect(linesGrown(given, given.toSpliced(at % given.length, 1))).toBe(false)))
  })
  test('whatever stands in a file, the same text is no finding', () => {
    const paths = fc.constantFrom('package.json', 'Makefile', 'jest.config.js', 'pytest.ini', 'pyproject.toml', 'Cargo.toml', 'pom.xml', 'build.gradle', '.mocharc.yml', '.nycrc')
    const text = fc.array(fc.constantFrom('{', '}', '[', ']', '"', "'", ':', '=', '\n', ' ', 'test', 'testMatch', 'thresholds', 'lines', '90', '[pytest]', 'addopts', '<exclude>', '</exclude>', '\t', '#', '//', '/*'), { maxLength: 50 }).map((parts) => parts.join(''))
    fc.assert(fc.property(paths, text, (path, given) => expect(inspect(path, given, given).filter((rule) => rule !== 'check_weakened (shown)')).toEqual([])))
  })
})
