import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dir, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const files = (pattern: string) => [...new Bun.Glob(pattern).scanSync({ cwd: root })].filter((path) => !path.includes('node_modules')).sort()
const isTest = (path: string) => /\.(test|fixture|contract)\.tsx?$|\/testing(\/|\.ts$)|\/test-|\/fixtures?\//.test(path)
const code = files('packages/*/src/**/*.{ts,tsx}').filter((path) => !isTest(path))

/** What a package's own code may import from our packages (ARCHITECTURE "may import"). */
const MAY_IMPORT: Record<string, RegExp> = {
  shared: /^$/,
  ralph: /^@factory\/shared\/ralph$/,
  github: /^@factory\/shared$/,
  rehearsal: /^@factory\/shared$/,
  worker: /^@factory\/(shared|orchestrator\/client)$/,
  gateway: /^@factory\/(shared|github|orchestrator\/client)$/,
  intake: /^@factory\/(shared|github|orchestrator\/client)$/,
  dashboard: /^@factory\/(shared|orchestrator\/client)$/,
  cli: /^@factory\/(shared|rehearsal|orchestrator\/client|github|(orchestrator|gateway|intake|dashboard)\/(config|main))$/,
  orchestrator: /^@factory\/(shared|github)$/,
}

describe('imports go one way', () => {
  test.each(Object.entries(MAY_IMPORT))('%s', (name, allowed) => {
    const wrong = code
      .filter((path) => path.startsWith(`packages/${name}/`))
      .flatMap((path) => importsOf(path).filter((target) => target.startsWith('@factory/') && !allowed.test(target)).map((target) => `${path} imports ${target}`))
    expect(wrong).toEqual([])
  })

  test('no relative import leaves its package, but for prompts and migrations', () => {
    const wrong = code.flatMap((path) =>
      importsOf(path)
        .filter((target) => target.startsWith('.'))
        .map((target) => relative(root, join(root, dirname(path), target)))
        .filter((target) => !target.startsWith(path.split('/').slice(0, 2).join('/')) && !/^(prompts|migrations)\//.test(target))
        .map((target) => `${path} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('adapters are built in context.ts only', () => {
    const wrong = code
      .filter((path) => path.startsWith('packages/orchestrator/src/') && !/\/(adapters\/|context\.ts$|build-context\.ts$|main\.ts$|index\.ts$)/.test(path))
      .flatMap((path) => importsOf(path).filter((target) => target.includes('adapters/')).map((target) => `${path} imports ${target}`))
    expect(wrong).toEqual([])
  })

  test('a store belongs to its domain', () => {
    const wrong = code
      .filter((path) => path.startsWith('packages/orchestrator/src/'))
      .flatMap((path) => importsOf(path).filter((target) => /^\.\.\/.*\/store\.ts$/.test(target)).map((target) => `${path} imports ${target}`))
    expect(wrong).toEqual([])
  })
})

describe('the store', () => {
  const schema = files('migrations/[0-9]*.sql').map(read).join('\n')
  const tables = [...schema.matchAll(/^create table (\w+)/gm)].map((match) => match[1] ?? '')

  test('each table is written by one store', () => {
    const writers = new Map<string, Set<string>>()
    for (const path of code.filter((one) => /^packages\/orchestrator\/src\/\w+\/.*\.ts$/.test(one))) {
      for (const match of read(path).matchAll(/(?:insert into|update|delete from)\s+(\w+)\s+(?:\(|set|where|\$\{)/g)) {
        const table = match[1] ?? ''
        if (tables.includes(table)) writers.set(table, (writers.get(table) ?? new Set()).add(path))
      }
    }
    expect([...writers].filter(([, paths]) => paths.size > 1).map(([table, paths]) => `${table}: ${[...paths].join(', ')}`)).toEqual([])
    expect(writers.size).toBeGreaterThan(5)
  })

  test('an item and a run are changed by the database functions alone', () => {
    const wrong = code
      .filter((path) => path.startsWith('packages/orchestrator/src/'))
      .flatMap((path) => [...read(path).matchAll(/update (work_items|runs) set (\w+)/g)].map((match) => `${path}: ${match[1]}.${match[2]}`))
    // bookkeeping that is no move: what intake has told, a wish that a run end, who carries it, what is cleaned
    const apart = /: (work_items\.reported_revision|runs\.(cancel_code|runtime|cleaned_at|log_tail))$/
    expect(wrong.filter((one) => !apart.test(one))).toEqual([])
    expect(wrong.length).toBeGreaterThan(2)
  })

  test('SQL stands in stores and in db/ only', () => {
    const wrong = code
      .filter((path) => path.startsWith('packages/orchestrator/src/') && !/\/(store|[\w-]+-store)\.ts$|\/db\//.test(path))
      .filter((path) => /\b(sql|tx|q|query)(<[^`]*>)?`\s*(select|insert into|update|delete from|with)\s/i.test(read(path)))
    // the one way to write an event, used by every domain's verbs
    expect(wrong).toEqual(['packages/orchestrator/src/events/record.ts'])
  })
})

describe('ports', () => {
  test.each(['worker-runtime', 'lock-table', 'event-bus', 'embedder', 'forge'])('%s has one contract suite that every adapter passes', (port) => {
    const suite = files(`packages/orchestrator/src/ports/${port}.contract.ts`)
    expect(suite).toHaveLength(1)
    const users = files('packages/orchestrator/src/**/*.test.ts').filter((path) => importsOf(path).some((target) => target.endsWith(`${port}.contract.ts`)))
    const adapters = new Set(code.filter((path) => path.includes('/adapters/') && new RegExp(`ports/${port}\\.ts`).test(read(path))).map((path) => path.split('/adapters/')[1]?.split(/[/.]/)[0]))
    expect(users.length).toBeGreaterThanOrEqual(port === 'forge' ? 1 : Math.min(2, adapters.size))
  })
})

describe('habits', () => {
  test('the environment is read in config and main only', () => {
    const wrong = code.filter((path) => /(process|Bun)\.env\b/.test(read(path)) && !/(\/|-)(config|main|env|build)\.ts$|^packages\/(rehearsal|cli)\//.test(path))
    expect(wrong).toEqual([])
  })

  test('no module is mocked', () => {
    expect(files('{packages,tests,bench}/**/*.ts').filter((path) => /\bmock\.module\(/.test(read(path)) && !path.endsWith('architecture.test.ts'))).toEqual([])
  })

  test('files have one job: none of our code is longer than 400 lines', () => {
    expect(code.filter((path) => read(path).split('\n').length > 400)).toEqual([])
  })
})

function importsOf(path: string): string[] {
  return [...read(path).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')
}
