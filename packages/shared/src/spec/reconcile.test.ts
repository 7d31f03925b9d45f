import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { parseSpec } from './parse.ts'
import { reconcileSpec } from './reconcile.ts'
import { tickTasks } from './tick.ts'

const SPEC = '# T\n\n- [ ] one\n- [x] two\n- [ ] three\n\n## Verify\n\n```sh\nbun test\n```\n'
const ids = parseSpec(SPEC).tasks.map((task) => task.id)
const first = tickTasks(SPEC, ids.slice(0, 1))

test.each<[string, string | null, { ticked: string[]; markdown: string; tampered: boolean }]>([
  ['nothing', SPEC, { ticked: [], markdown: SPEC, tampered: false }],
  ['a tick', first, { ticked: ['one'], markdown: first, tampered: false }],
  ['a tick with a big X and other line ends', SPEC.replace('[ ] one', '[X] one').replaceAll('\n', '\r\n'), { ticked: ['one'], markdown: first, tampered: false }],
  ['an untick', SPEC.replace('[x] two', '[ ] two'), { ticked: [], markdown: SPEC, tampered: true }],
  ['a reworded task', SPEC.replace('[ ] one', '[x] something easier'), { ticked: [], markdown: SPEC, tampered: true }],
  ['a task taken away', SPEC.replace('- [ ] three\n', ''), { ticked: [], markdown: SPEC, tampered: true }],
  ['a tick with words around it', SPEC.replace('- [ ] one', '- [x] ~~one~~ (done)'), { ticked: ['one'], markdown: first, tampered: true }],
  ['a longer task that begins alike', SPEC.replace('- [ ] one', '- [ ] one\n- [x] onerous'), { ticked: [], markdown: SPEC, tampered: true }],
  ['a task added', `${SPEC}- [x] four\n`, { ticked: [], markdown: SPEC, tampered: true }],
  ['other checks, and a tick', first.replace('bun test', 'true'), { ticked: ['one'], markdown: first, tampered: true }],
  ['the file is gone', null, { ticked: [], markdown: SPEC, tampered: true }],
])('%s', (_name, found, expected) => {
  const got = reconcileSpec(SPEC, found)
  expect({ ...got, ticked: got.ticked.map((task) => task.text) }).toEqual(expected)
})

test('whatever is left in the file, only marks of open boxes change', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('- [x] one', '- [x] three', '- [ ] two', '## Verify', '<!--', '```'), { maxLength: 8 }).map((lines) => lines.join('\n'))), (found) => {
      const { markdown, ticked } = reconcileSpec(SPEC, found)
      expect(markdown).toBe(tickTasks(SPEC, ticked.map((task) => task.id)))
      expect(parseSpec(markdown).verify).toEqual(['bun test'])
      expect(parseSpec(markdown).tasks[1]?.done).toBe(true)
    }),
  )
})
