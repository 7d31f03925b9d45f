import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { adviseSpec, checkSpec, issueToSpec, parseSpec, renderSpec, taskIds, tickTasks, type Spec } from '../spec.ts'

const tasks = (markdown: string): string[] => parseSpec(markdown).tasks.map((task) => task.text)

describe('what is a task', () => {
  const cases: [string, string, string[]][] = [
    ['plain boxes', '- [ ] one\n- [x] two\n- [X] three', ['one', 'two', 'three']],
    ['other bullets', '* [ ] one\n+ [ ] two\n1. [ ] three\n2) [ ] four', ['one', 'two', 'three', 'four']],
    ['nested', '- [ ] one\n  - [ ] two\n      - [ ] three', ['one', 'two', 'three']],
    ['CRLF', '# T\r\n\r\n- [ ] one\r\n- [ ] two\r\n', ['one', 'two']],
    ['wrapped lines', '- [ ] one that\n  goes on\n- [ ] two', ['one that goes on', 'two']],
    ['not in fences', '```\n- [ ] no\n```\n~~~md\n- [ ] no\n~~~\n- [ ] yes', ['yes']],
    ['not in a fence inside an item', '- [ ] yes\n  ```sh\n  - [ ] no\n  ```\n- [ ] too', ['yes', 'too']],
    ['a longer fence holds a shorter one', '````\n```\n- [ ] no\n```\n- [ ] no\n````\n- [ ] yes', ['yes']],
    ['not in comments', '<!-- - [ ] no -->\n<!--\n- [ ] no\n-->\n- [ ] yes', ['yes']],
    ['a comment begun inside a line hides no other line', '- [ ] a <!-- b\n- [ ] c', ['a <!-- b', 'c']],
    ['not criteria', '## Tasks\n- [ ] yes\n### Acceptance Criteria:\n- [ ] no\n## Background\n- [ ] also', ['yes', 'also']],
    ['bold headings', '**Acceptance criteria:**\n- [ ] no\n\n**Tasks**\n- [ ] yes', ['yes']],
    ['a box without text is none', '- [ ]\n- [ ]   \n- [y] no\n- [] no', []],
    ['under an H1 that says Task', '# Task\n\n- [ ] yes', ['yes']],
  ]
  test.each(cases)('%s', (_name, markdown, expected) => expect(tasks(markdown)).toEqual(expected))
})

test('reads every section', () => {
  const spec = parseSpec(
    '# Add a version route\n\nPeople ask.\n\n## Goal\nSee it.\n\n## Checklist\n- [x] Add `GET /version`\n\n## Definition of done\n- It answers\n  with JSON\n* [ ] It is fast\n\n## Verify\n```sh\n# fast\n$ bun test\nbun run \\\n  lint\n```\n- `tsc --noEmit` is clean\n- by hand\n\n## Likely files\n- `src/a b.ts` routes\n- src/c.ts - more\n\n## Background\nOld.\n\n### Deeper\nText.\n',
  )
  expect(spec).toEqual({
    title: 'Add a version route',
    goal: 'People ask.\n\n\nSee it.',
    tasks: [{ id: taskIds(['Add `GET /version`'])[0] ?? '', text: 'Add `GET /version`', done: true }],
    acceptance: ['It answers with JSON', 'It is fast'],
    verify: ['bun test', 'bun run lint', 'tsc --noEmit'],
    files: ['src/a b.ts', 'src/c.ts'],
    notes: '- by hand\n\n### Background\nOld.\n\n### Deeper\nText.',
  })
})

test('ids outlive ticking and moving, and repeats get a suffix', () => {
  const before = parseSpec('- [ ] one\n- [ ] Two\n- [ ] one')
  const after = parseSpec('## Tasks\n  * [x]  two\n- [X] ONE')
  const [one, two, again] = before.tasks.map((task) => task.id)
  expect(after.tasks.map((task) => task.id)).toEqual([two ?? '', one ?? ''])
  expect(again).toBe(`${one}-2`)
})

/** Lines that read as structure, in and out of place. */
const hostile = fc.constantFrom(
  '# Verify', '## Tasks', '### Deep', '## Goal ##', '#', '- [ ] box', '  * [x] box', '\\- [ ] box', '\\\\## Verify', '```', '```sh', '````', '~~~', '- ```',
  '<!--', '-->', '<!-- a -->', '<!-- a --> b', 'Tasks:', '**Verify**', '- item', '1. item', '', '   ', '    code', '> - [ ] quoted', '`x`', '\\', '#tag', 'C #', '\u2028', '\ttab',
)
const anyLine = fc.oneof({ weight: 3, arbitrary: hostile }, { weight: 2, arbitrary: fc.string({ maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ' ')) }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ' ')) })
const anyText = fc.array(anyLine, { maxLength: 10 }).map((lines) => lines.join('\n').trim())
const anyEntry = anyLine.map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text !== '')
const anySpec: fc.Arbitrary<Spec> = fc
  .record({ title: fc.oneof(anyEntry, fc.constant('')), goal: anyText, boxes: fc.array(fc.record({ text: anyEntry, done: fc.boolean() }), { maxLength: 6 }), acceptance: fc.array(anyEntry, { maxLength: 4 }), verify: fc.array(anyEntry, { maxLength: 4 }), files: fc.array(anyEntry, { maxLength: 4 }), notes: anyText })
  .map(({ boxes, ...rest }) => {
    const ids = taskIds(boxes.map((box) => box.text))
    return { ...rest, tasks: boxes.map((box, index) => ({ id: ids[index] ?? '', ...box })) }
  })

test('a rendered spec reads back as itself, whatever its texts are', () => {
  fc.assert(fc.property(anySpec, (spec) => expect(parseSpec(renderSpec(spec))).toEqual(spec)), { numRuns: 1500 })
})

test('what was read from any document reads back as itself', () => {
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 25 }), fc.constantFrom('\n', '\r\n', '\r'), (lines, end) => {
      const spec = parseSpec(lines.join(end))
      expect(parseSpec(renderSpec(spec))).toEqual(spec)
    }),
    { numRuns: 1500 },
  )
})

describe('ticking', () => {
  test('changes the marks and no other byte', () => {
    const markdown = '# T\r\n\r\n```\n- [ ] one\n```\r\n* [ ]  one\r\n\t- [X] two \n- [ ] one'
    const [one, two, again] = parseSpec(markdown).tasks.map((task) => task.id)
    expect(tickTasks(markdown, [one ?? ''])).toBe(markdown.replace('* [ ]', '* [x]'))
    expect(tickTasks(markdown, [two ?? '', again ?? 'x'], false)).toBe(markdown.replace('[X]', '[ ]'))
    expect(tickTasks(markdown, [two ?? '', 'unknown'])).toBe(markdown)
  })

  test('ticks exactly what was asked, in any document', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 20 }), fc.infiniteStream(fc.boolean()), (lines, chance) => {
        const markdown = lines.join('\n')
        const before = parseSpec(markdown)
        const wanted = before.tasks.filter(() => chance.next().value === true).map((task) => task.id)
        const ticked = tickTasks(markdown, wanted)
        expect(parseSpec(ticked)).toEqual({ ...before, tasks: before.tasks.map((task) => ({ ...task, done: task.done || wanted.includes(task.id) })) })
        expect(ticked.length).toBe(markdown.length)
      }),
    )
  })
})

test('refuses what cannot be worked off', () => {
  const codes = (markdown: string) => checkSpec(parseSpec(markdown)).map((problem) => problem.code)
  expect(codes(' \n')).toEqual(['empty'])
  expect(codes('<!-- - [ ] a -->')).toEqual(['empty'])
  expect(codes('# T\n\nPlease do it.')).toEqual(['no_tasks'])
  expect(codes('## Acceptance criteria\n- [ ] works')).toEqual(['no_tasks'])
  expect(codes('- [ ] something')).toEqual([])
  expect(codes(`- [ ] ${'x'.repeat(5000)}`)).toEqual(['task_too_long'])
  expect(codes('- [ ] something\n'.repeat(501))).toEqual(['too_many_tasks'])
  expect(adviseSpec(parseSpec('- [x] x\n- [x] x')).map((warning) => warning.code)).toEqual(['no_title', 'no_verify', 'all_done', 'vague_task', 'duplicate_task', 'vague_task'])
})

describe('an issue with a checklist is its own spec', () => {
  test('cleaned of what nobody sees', () => {
    const body = 'Text\u0000 a\u200Bb <!-- hidden --> end\r\n<!-- template\r\n- [ ] not this -->\r\n- [ ] do <!-- psst --> it\n\nlong <!-- over\ntwo --> lines\n\n```html\n<!-- stays -->\n```\nopen <!-- stays too\n'
    expect(issueToSpec('  Fix\u202E the\nthing ', body)).toBe('# Fix the thing\n\nText ab  end\n- [ ] do  it\n\nlong \n lines\n\n```html\n<!-- stays -->\n```\nopen <!-- stays too\n')
  })
  test.each([['no boxes', 'Please'], ['only in a fence', '```\n- [ ] a\n```'], ['only in a comment', '<!--\n- [ ] a\n-->'], ['only criteria', '## Acceptance criteria\n- [ ] a'], ['only ticked ones, as of a template', 'It crashes.\n\n- [x] I searched for duplicates']])('null: %s', (_name, body) => {
    expect(issueToSpec('T', body)).toBeNull()
  })
  test('a title that reads like a section stays a title', () => {
    expect(parseSpec(issueToSpec('Verify', '- [ ] something') ?? '')).toMatchObject({ title: 'Verify', tasks: [{ text: 'something' }] })
  })
})

test.each([
  ['boxes', '- [ ] a\n'.repeat(25_000)],
  ['open comments in one paragraph', 'x <!--\n'.repeat(28_000)],
  ['spaces', ' '.repeat(200_000)],
  ['hashes', `# ${'# '.repeat(100_000)}`],
  ['backticks', `## Verify\n- \`${'`` '.repeat(66_000)}`],
  ['unclosed fences', '```\n~~~\n'.repeat(25_000)],
  ['blank tails', `- [ ] a${'\t'.repeat(200_000)}b`],
  ['one wrapped task', `- [ ] a\n${'  b\n'.repeat(50_000)}`],
])('200 KB of %s take no time', (_name, text) => {
  const began = performance.now()
  issueToSpec('T', `- [ ] a\n${text}`)
  renderSpec(parseSpec(text))
  expect(performance.now() - began).toBeLessThan(1500)
})
