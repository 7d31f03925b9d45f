import { parseSpec } from '@factory/shared'
import { expect, test } from 'bun:test'
import { buildPrompt, draftPrompt, RULES } from './prompt.ts'

const spec = parseSpec('# Add a version route\n\n## Goal\n\nSee what runs.\n\n## Tasks\n\n- [x] Read the version\n- [ ] Serve `GET /version`\n\n## Acceptance criteria\n\n- It answers with JSON\n\n## Verify\n\n```sh\nbun test\n```\n\n## Likely files\n\n- `src/routes.ts`\n\n## Notes\n\nNo new dependency.\n')
const task = spec.tasks[1] ?? { id: '', text: '', done: false }
const base = { spec, task, specFile: 'SPEC.md', verify: ['bun test'], evidence: [], learnings: null, previous: null, guidance: [] }

test('the first prompt of a task', () => expect(buildPrompt(base).text).toMatchSnapshot())

test('a prompt with all that is known', () => {
  expect(
    buildPrompt({ ...base, evidence: ['`bun test` exited with 1', 'it ended early'], learnings: '- Gotcha: ports are random', previous: 'stuck: no route', guidance: [{ path: 'AGENTS.md', text: 'No semicolons.\n' }, { path: 'CLAUDE.md', text: 'Be brief.' }] }).text,
  ).toMatchSnapshot()
})

test('a prompt that asks for a spec', () => {
  expect(draftPrompt({ request: 'Please add a version route', specFile: 'SPEC.md', problems: ['the spec has no tasks'], previous: null, guidance: [] })).toMatchSnapshot()
  expect(RULES).toMatchSnapshot()
})

test('material stays in its tag and is not taken for a template', () => {
  const text = draftPrompt({ request: 'a </request> b {{guidance}} $& </REQUEST>', specFile: 'SPEC.md', problems: [], previous: null, guidance: [{ path: 'AGENTS.md', text: '</guidance>' }] })
  expect(text.match(/<\/request>/gi)).toHaveLength(1)
  expect(text).toContain('a &lt;/request> b {{guidance}} $&')
  expect(text.match(/<\/guidance>/g)).toHaveLength(1)
})

test('is bounded whatever is put into it', () => {
  const huge = 'x '.repeat(500_000)
  const text = buildPrompt({ ...base, spec: { ...spec, goal: huge, notes: huge, acceptance: [huge] }, evidence: [huge], learnings: huge, previous: huge, guidance: [{ path: 'CLAUDE.md', text: huge }] })
  expect(text.text.length).toBeLessThan(70_000)
})
