import { describe, expect, test } from 'bun:test'
import { parseFactoryYml } from '@factory/shared'
import { choose } from './choose.ts'
import { detect, type Listing } from './detect.ts'

const listingOf = (texts: Record<string, string>, others: string[] = []): Listing => ({ files: new Set([...Object.keys(texts), ...others]), read: (path) => texts[path] ?? null })

const pkg = (manifest: Record<string, unknown>) => ({ 'package.json': JSON.stringify(manifest) })
const of = (texts: Record<string, string>, ...others: string[]) => {
  const { setup, verify } = detect(listingOf(texts, others))
  return { setup, verify }
}

describe('detect', () => {
  const full = pkg({ scripts: { test: 'vitest run', lint: 'eslint .', typecheck: 'tsc', build: 'x' }, dependencies: { a: '1' } })

  test.each([
    ['bun.lock', 'bun install --frozen-lockfile', 'bun run'],
    ['bun.lockb', 'bun install --frozen-lockfile', 'bun run'],
    ['package-lock.json', 'npm ci', 'npm run'],
    ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile', 'pnpm run'],
    ['yarn.lock', 'yarn install --frozen-lockfile', 'yarn run'],
  ])('%s', (lock, install, run) => {
    expect(of(full, lock)).toEqual({ setup: [install], verify: [`${run} lint`, `${run} typecheck`, `${run} test`] })
  })

  test('a modern yarn, a named package manager, and no lock file at all', () => {
    expect(of(full, 'yarn.lock', '.yarnrc.yml').setup).toEqual(['yarn install --immutable'])
    expect(of(pkg({ packageManager: 'pnpm@9.1.0', scripts: { test: 'x' }, devDependencies: { a: '1' } }))).toEqual({ setup: ['pnpm install'], verify: ['pnpm run test'] })
    expect(of(pkg({ scripts: { test: 'node --test' } }))).toEqual({ setup: [], verify: ['npm run test'] })
  })

  test.each(['echo "Error: no test specified" && exit 1', 'echo nothing', 'exit 0', 'true', '', 'jest --watch', 'eslint . --fix'])('%j is not a real check', (script) => {
    expect(of(pkg({ scripts: { test: script } })).verify).toEqual([])
  })

  test('bun finds test files without a script', () => {
    expect(of(pkg({}), 'bun.lock', 'src/a.test.ts').verify).toEqual(['bun test'])
    expect(of(pkg({}), 'bun.lock', 'src/a.ts').verify).toEqual([])
  })

  test('a broken package.json is told, not fatal', () => {
    expect(detect(listingOf({ 'package.json': '{ nope' })).notes).toEqual(['package.json: cannot be read as JSON'])
    expect(of(pkg({ scripts: 'x', dependencies: [] }))).toEqual({ setup: [], verify: [] })
  })

  const pip = '.venv/bin/python -m pip install --quiet'
  test('Python in its ways', () => {
    expect(of({ 'requirements.txt': 'flask\npytest==8\n' }, 'tests/test_a.py')).toEqual({ setup: ['python3 -m venv .venv', `${pip} -r requirements.txt`], verify: ['.venv/bin/python -m pytest'] })
    expect(of({ 'pyproject.toml': '[project]\nname="x"\n[project.optional-dependencies]\ndev = ["pytest"]\n' })).toEqual({ setup: ['python3 -m venv .venv', `${pip} -e '.[dev]'`], verify: ['.venv/bin/python -m pytest'] })
    expect(of({ 'pyproject.toml': '[tool.pytest.ini_options]\n' })).toEqual({ setup: ['python3 -m venv .venv', `${pip} pytest`], verify: ['.venv/bin/python -m pytest'] })
    expect(of({ 'requirements.txt': 'flask\n' }, 'test_a.py').verify).toEqual(['.venv/bin/python -m unittest discover'])
    expect(of({ 'pyproject.toml': 'pytest' }, 'uv.lock')).toEqual({ setup: ['uv sync --frozen --all-extras'], verify: ['uv run --frozen python -m pytest'] })
    expect(of({ 'pyproject.toml': 'pytest' }, 'poetry.lock')).toEqual({ setup: ['poetry install --no-interaction'], verify: ['poetry run python -m pytest'] })
    expect(of({ 'setup.py': 'setup()' }).verify).toEqual([])
  })

  test('Go, Rust, Maven, Gradle', () => {
    expect(of({}, 'go.mod', 'go.sum')).toEqual({ setup: ['go mod download'], verify: ['go vet ./...', 'go test ./...'] })
    expect(of({}, 'Cargo.toml', 'Cargo.lock')).toEqual({ setup: ['cargo fetch --locked'], verify: ['cargo test --locked'] })
    expect(of({}, 'pom.xml').verify).toEqual(['mvn -B -ntp test'])
    expect(of({}, 'pom.xml', 'mvnw').verify).toEqual(['sh ./mvnw -B -ntp test'])
    expect(of({}, 'build.gradle.kts', 'gradlew').verify).toEqual(['sh ./gradlew --no-daemon test'])
  })

  test('a Makefile counts where nothing else gave checks, and only with a real target', () => {
    expect(of({ Makefile: '.PHONY: test\nall:\n\techo\ntest: all\n\t./t\n' }).verify).toEqual(['make test'])
    expect(of({ Makefile: 'check:\n\t./t\n' }).verify).toEqual(['make check'])
    expect(of({ Makefile: '.PHONY: test\ntest := 1\ntests:\n\t./t\n' }).verify).toEqual([])
    expect(of({ Makefile: 'test:\n\t./t\n' }, 'go.mod').verify).not.toContain('make test')
  })

  test('two languages add up, and files in folders are not taken for the top', () => {
    expect(of(pkg({ scripts: { test: 'x' } }), 'go.mod').verify).toEqual(['npm run test', 'go vet ./...', 'go test ./...'])
    expect(of({}, 'sub/go.mod', 'sub/package.json')).toEqual({ setup: [], verify: [] })
  })
})

describe('choose', () => {
  const limits = { maxIterations: 10, maxCostUsd: 5, maxMinutes: 60, iterationMinutes: 10, setupMinutes: 5, verifyMinutes: 5 }
  const detected = { setup: ['npm ci'], verify: ['npm run test'], notes: ['package.json script "test": npm run test'] }
  const none = { setup: [], verify: [], notes: [] }
  const yml = (text: string) => {
    const result = parseFactoryYml(text)
    if (!result.ok) throw new Error('bad yml')
    return result.config
  }
  const pick = (given: Partial<Parameters<typeof choose>[0]>) => choose({ yml: null, detected, specVerify: [], limits, model: 'm', ...given })

  test('.factory.yml wins field by field, an empty list included', () => {
    expect(pick({ yml: yml('verify: [make check]') }).environment).toMatchObject({ source: 'factory_yml', setup: ['npm ci'], verify: ['make check'] })
    expect(pick({ yml: yml('setup: []') }).environment).toMatchObject({ source: 'factory_yml', setup: [], verify: ['npm run test'] })
    expect(pick({ yml: yml('image: x') }).environment).toMatchObject({ source: 'detected', image: 'x' })
  })

  test('the spec\'s checks come besides, never instead', () => {
    expect(pick({ specVerify: ['npm run test', 'true'] }).environment).toMatchObject({ source: 'detected', verify: ['npm run test'], required: ['true'] })
    expect(pick({ detected: none, specVerify: ['sh t.sh'] }).environment).toMatchObject({ source: 'spec', verify: [], required: ['sh t.sh'] })
    expect(pick({ detected: none }).environment).toMatchObject({ source: 'none', verify: [] })
  })

  test('a repository lowers limits and cannot raise them', () => {
    expect(pick({ yml: yml('limits: { iterations: 3, cost_usd: 100 }\nmodel: other') })).toMatchObject({ limits: { ...limits, maxIterations: 3 }, model: 'other' })
  })
})
