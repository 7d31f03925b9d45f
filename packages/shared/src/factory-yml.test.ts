import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { parseFactoryYml, renderFactoryYmlProblems } from './factory-yml.ts'

const problemsOf = (text: string) => {
  const result = parseFactoryYml(text)
  if (result.ok) throw new Error('was accepted')
  return result.problems
}

describe('parseFactoryYml', () => {
  test('reads a whole file', () => {
    const result = parseFactoryYml(`# how this repository is built
image: ghcr.io/acme/build:1.2
base: develop
model: claude-sonnet-4-5
setup:
  - npm ci
verify:
  - npm run lint
  - npm test
limits: { iterations: 12, cost_usd: 4.5, minutes: 60, iteration_minutes: 15, setup_minutes: 5, verify_minutes: 10 }
labels:
  trigger: [ready-for-ai]
  priority:
    outage: critical
    "type: bug": high
`)
    expect(result).toEqual({
      ok: true,
      config: {
        image: 'ghcr.io/acme/build:1.2',
        base: 'develop',
        model: 'claude-sonnet-4-5',
        setup: ['npm ci'],
        verify: ['npm run lint', 'npm test'],
        limits: { iterations: 12, cost_usd: 4.5, minutes: 60, iteration_minutes: 15, setup_minutes: 5, verify_minutes: 10 },
        labels: { trigger: ['ready-for-ai'], priority: { outage: 'critical', 'type: bug': 'high' } },
      },
    })
  })

  test.each(['', '# only a comment\n', '---\n'])('takes an empty file %j as no wishes', (text) => {
    expect(parseFactoryYml(text)).toEqual({ ok: true, config: {} })
  })

  test('names the line of an unknown key and the word that was meant', () => {
    expect(problemsOf('image: debian\n\nsetpu:\n  - make\n')).toEqual([{ line: 3, path: 'setpu', problem: 'unknown key "setpu"', fix: 'did you mean "setup"?' }])
    expect(problemsOf('verify: [make]\nlimits:\n  minutes: 5\n  costUsd: 3\n')).toEqual([{ line: 4, path: 'limits.costUsd', problem: 'unknown key "costUsd"', fix: 'did you mean "cost_usd"?' }])
    expect(problemsOf('deploy: now')[0]?.fix).toBe('known here: image, base, model, setup, verify, limits, labels')
  })

  test('reports every problem, in the order of the lines', () => {
    expect(problemsOf('labels:\n  priority:\n    bug: urgent\nverify: npm test\nfoo: 1\n').map(({ line, path }) => [line, path])).toEqual([
      [3, 'labels.priority.bug'],
      [4, 'verify'],
      [5, 'foo'],
    ])
  })

  test.each([
    ['setup:\n  - npm ci\n  - 7\n', 3, 'setup.1'],
    ['setup:\n  - npm ci\n  - echo a: b\n', 3, 'setup.1'],
    ['setup:\n  - "  "\n', 2, 'setup.0'],
    ['limits:\n  iterations: 0\n', 2, 'limits.iterations'],
    ['limits:\n  iterations: 2.5\n', 2, 'limits.iterations'],
    ['limits:\n\n  minutes: ten\n', 3, 'limits.minutes'],
    ['image: "not an image"\n', 1, 'image'],
    ['image: --privileged\n', 1, 'image'],
    ['\nbase: -x\n', 2, 'base'],
    ['labels: [a]\n', 1, 'labels'],
    ['labels:\n  trigger:\n    - ok\n    - 12\n', 4, 'labels.trigger.1'],
    ['- npm test\n', 1, ''],
    ['just text', 1, ''],
  ])('refuses %j at line %d', (text, line, path) => {
    const [problem] = problemsOf(text)
    expect(problem).toMatchObject({ line, path })
    expect(problem?.fix).not.toBe('see the README')
  })

  test.each([
    ['setup:\n\t- npm ci\n', 2, 'spaces'],
    ['image: a\nimage: b\n', 2, 'keep one'],
    ['setup: [npm ci\nverify: x\n', 2, ''],
    ['a: 1\n---\nb: 2\n', 2, ''],
  ])('reads %j as broken YAML at line %d', (text, line, fix) => {
    const [problem] = problemsOf(text)
    expect(problem?.line).toBe(line)
    expect(problem?.problem).toStartWith('not valid YAML')
    expect(problem?.fix).toContain(fix)
  })

  test('does not expand a bomb of aliases', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...'bcdefgh'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`)].join('\n')
    expect(problemsOf(bomb)[0]?.fix).toContain('aliases')
  })

  test('refuses a file of more than 64 KiB', () => {
    expect(problemsOf(`# ${'x'.repeat(70_000)}`)[0]?.problem).toContain('65536')
  })

  test('renders problems for people', () => {
    expect(renderFactoryYmlProblems(problemsOf('verfy: [x]'))).toBe('.factory.yml:1: unknown key "verfy"; did you mean "verify"?')
  })

  test('never throws, and every problem has a line inside the file', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('image', 'setup', ':', ' ', '\n', '- ', '  ', '{', ']', '"', '&a', '*a', '!x', '\t', '#', '7', '|', '\u0000')).map((parts) => parts.join('')), (text) => {
        const result = parseFactoryYml(text)
        if (!result.ok) for (const { line } of result.problems) expect(line >= 1 && line <= text.split('\n').length).toBe(true)
      }),
    )
  })
})
