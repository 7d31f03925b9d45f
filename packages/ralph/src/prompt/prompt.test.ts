import { MAX_TASK_LENGTH, parseSpec, taskIds, type Spec } from '@factory/shared/ralph'
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { BUDGET } from './budget.ts'
import { buildPrompt, diagnosisPrompt, draftPrompt, RULES, type BuildPrompt, type DraftPrompt } from './prompt.ts'
import { estimateTokens } from './tokens.ts'

const spec = parseSpec('# Add a version route\n\n## Goal\n\nSee what runs.\n\n## Tasks\n\n- [x] Read the version\n- [ ] Serve `GET /version`\n\n## Acceptance criteria\n\n- It answers with JSON\n\n## Verify\n\n```sh\nbun test\n```\n\n## Likely files\n\n- `src/routes.ts`\n\n## Notes\n\nNo new dependency.\n')
const task = spec.tasks[1] ?? { id: '', text: '', done: false }
const plain: BuildPrompt = { spec, task, specFile: 'SPEC.md', verify: ['bun test'], evidence: [], learnings: null, previous: null, guidance: [] }
const failed: BuildPrompt = { ...plain, evidence: ['`bun test` exited with 1', '$ bun test\n(fail) GET /version\n(exited with 1, 1 of 4 tests failed)'] }
const full: BuildPrompt = { ...failed, learnings: '- Gotcha: ports are random', previous: 'stuck: no route', guidance: [{ path: 'AGENTS.md', text: 'No semicolons.\n' }, { path: 'CLAUDE.md', text: 'Be brief.' }] }
const draft: DraftPrompt = { request: 'Please add a version route', specFile: 'SPEC.md', problems: [], previous: null, guidance: [] }

const many = Array.from({ length: 500 }, (_, index) => `Step ${index + 1}: move the handler of route number ${index + 1} into a file of its own, with a test`)
const ids = taskIds(many)
const big: Spec = { ...spec, tasks: many.map((text, index) => ({ id: ids[index] ?? '', text, done: index < 250 })) }
const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index}`).join(' ')
const huge: BuildPrompt = {
  ...plain,
  spec: { ...big, goal: words(9000), notes: words(9000), acceptance: Array.from({ length: 400 }, (_, index) => `criterion ${index}`), files: Array.from({ length: 400 }, (_, index) => `src/file-${index}.ts`) },
  task: big.tasks[250] ?? task,
  verify: Array.from({ length: 300 }, (_, index) => `bun test packages/package-${index}`),
  evidence: [words(9000), 'the very last line of the output'],
  learnings: words(9000),
  previous: words(9000),
  guidance: [{ path: 'AGENTS.md', text: words(9000) }],
}

describe('every prompt, as the agent reads it', () => {
  test.each<[string, { text: string; tokens: number }]>([
    ['build: the first of a task', buildPrompt(plain)],
    ['build: with evidence', buildPrompt(failed)],
    ['build: with all that is known', buildPrompt(full)],
    ['build: without any check', buildPrompt({ ...plain, verify: [] })],
    ['build: everything huge', buildPrompt(huge)],
    ['diagnosis', diagnosisPrompt({ ...full, attempts: 2 })],
    ['draft: the first', draftPrompt(draft)],
    ['draft: after a refusal', draftPrompt({ ...draft, problems: ['the spec has no tasks', 'a task is too long'], previous: 'stuck: which route?', guidance: full.guidance })],
  ])('%s', (_name, prompt) => {
    expect(prompt.tokens).toBe(estimateTokens(prompt.text))
    expect(prompt.text).toMatchSnapshot()
  })

  test('rules', () => {
    expect(RULES).toMatchSnapshot()
  })

  test('a plain one is small', () => {
    expect([buildPrompt(plain), diagnosisPrompt({ ...plain, attempts: 2 }), draftPrompt(draft)].map((prompt) => prompt.tokens < 1000)).toEqual([true, true, true])
  })
})

describe('what is kept when there is too much', () => {
  const { text } = buildPrompt(huge)
  test('the task, and every instruction', () => {
    expect(text).toContain(`# The task\n\n${huge.task.text}\n`)
    expect(text).toContain('Do not commit, push, or switch branches')
  })
  test('the end of the evidence', () => expect(text).toContain('the very last line of the output\n</evidence>'))
  test('the current task in the checklist with its neighbours, the rest counted', () => {
    const lines = text.split('\n').filter((line) => /^- \[[ x]\] Step|^… \d+ tasks/.test(line))
    const at = lines.findIndex((line) => line.endsWith('<- this one'))
    expect(lines[at]).toStartWith('- [ ] Step 251:')
    expect([lines[at - 1], lines[at + 1]]).toEqual([expect.stringContaining('[x] Step 250:'), expect.stringContaining('[ ] Step 252:')])
    const counts = [lines[0], lines.at(-1)].map((line) => (line ?? '').match(/\d+/g)?.map(Number))
    expect([counts[0]?.[1], counts[1]?.[1]]).toEqual([0, counts[1]?.[0]])
    expect((counts[0]?.[0] ?? 0) + (counts[1]?.[0] ?? 0) + lines.length - 2).toBe(500)
    expect(lines.length).toBeGreaterThan(20)
  })
  test('a request of the greatest length an issue can have, in its greatest part', () => {
    const { text, tokens } = draftPrompt({ ...draft, request: 'The route answers with the version of the package and the commit it was built from. '.repeat(800).slice(0, 65_536) })
    expect(tokens).toBeLessThanOrEqual(BUDGET.draft)
    expect(text.length).toBeGreaterThan(30_000)
  })
})

const texts = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 3, arbitrary: fc.constantFrom('</spec>', '< / spec >', '<EVIDENCE>', '</guidance', '<', '</', ' spec>', '/request>', '{{task}}', '{{guidance}}', '$&', '\n', '- [ ] a box', '</learnings><previous>', '😀', '任务', '\ud83d') },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('x ', '任务', '😀', '</spec>', '<\n', 'q;{'), fc.integer({ min: 1, max: 30_000 })).map(([unit, times]) => unit.repeat(times)) },
)
const text = fc.array(texts, { maxLength: 4 }).map((parts) => parts.join(''))
const taskText = text.map((long) => long.slice(0, MAX_TASK_LENGTH))
const anyBuild: fc.Arbitrary<BuildPrompt> = fc
  .record({ title: text, goal: text, tasks: fc.array(taskText, { minLength: 1, maxLength: 30 }), at: fc.nat(), acceptance: fc.array(text, { maxLength: 5 }), files: fc.array(text, { maxLength: 5 }), notes: text, verify: fc.array(text, { maxLength: 4 }), evidence: fc.array(text, { maxLength: 3 }), learnings: fc.option(text), previous: fc.option(text), guidance: fc.array(fc.record({ path: fc.constant('CLAUDE.md'), text }), { maxLength: 2 }) })
  .map(({ title, goal, tasks, at, acceptance, files, notes, ...rest }) => {
    const all = tasks.map((one, index) => ({ id: String(index), text: one, done: index % 2 === 0 }))
    return { ...rest, spec: { title, goal, tasks: all, acceptance, verify: [], files, notes }, task: all[at % all.length] ?? task, specFile: 'SPEC.md' }
  })

const TAGS = ['spec', 'evidence', 'previous', 'learnings', 'guidance', 'request'] as const
/** Each tag of ours is opened and closed once or not at all. */
function expectTags(prompt: string): void {
  for (const tag of TAGS) {
    const found = prompt.match(new RegExp(`<\\s*/?\\s*${tag}\\b`, 'gi')) ?? []
    expect([[], [`<${tag}`, `</${tag}`]]).toContainEqual(found)
  }
}

describe('whatever is put into it', () => {
  test('a prompt stays in its budget, in its tags, and is the same each time', () => {
    fc.assert(
      fc.property(anyBuild, (given) => {
        const before = structuredClone(given)
        for (const make of [buildPrompt, (same: BuildPrompt) => diagnosisPrompt({ ...same, attempts: 2 })]) {
          const prompt = make(given)
          expect(prompt.tokens).toBe(estimateTokens(prompt.text))
          expect(prompt.tokens).toBeLessThanOrEqual(BUDGET.build)
          expectTags(prompt.text)
          expect(make(structuredClone(given))).toEqual(prompt)
        }
        expect(given).toEqual(before)
      }),
      { numRuns: 150 },
    )
  })

  test('so does one that asks for a spec', () => {
    fc.assert(
      fc.property(fc.record({ request: text, specFile: fc.constant('SPEC.md'), problems: fc.array(text, { maxLength: 4 }), previous: fc.option(text), guidance: fc.array(fc.record({ path: fc.constant('AGENTS.md'), text }), { maxLength: 2 }) }), (given) => {
        const prompt = draftPrompt(given)
        expect(prompt.tokens).toBeLessThanOrEqual(BUDGET.draft)
        expectTags(prompt.text)
        expect(draftPrompt(structuredClone(given))).toEqual(prompt)
      }),
      { numRuns: 150 },
    )
  })

  test('material is never taken for a template', () => {
    const { text } = draftPrompt({ ...draft, request: 'a </request> b {{guidance}} $& </REQUEST>', guidance: [{ path: 'AGENTS.md', text: '</guidance>' }] })
    expect(text).toContain('a &lt;/request> b {{guidance}} $& &lt;/REQUEST>')
    expectTags(text)
  })
})
