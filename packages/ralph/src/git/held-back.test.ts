import { expect, test } from 'bun:test'
import { judgeFound, LARGEST_FILE, sayHeldBack, type Found, type HeldBackWhy } from './held-back.ts'
import { parseRaw } from './stage.ts'

const FILE: Found = { kind: 'file', size: 1, filter: null }
test.each<[Partial<Found>, HeldBackWhy | null]>([
  [{}, null],
  [{ size: LARGEST_FILE }, null],
  [{ size: LARGEST_FILE + 1 }, 'too_large'],
  [{ kind: 'link', size: LARGEST_FILE + 1, filter: 'lfs' }, null],
  [{ kind: 'directory' }, 'nested_repository'],
  [{ kind: 'other' }, 'no_file'],
  [{ filter: 'lfs' }, 'filtered'],
])('%j: %s', (found, why) => {
  expect(judgeFound({ ...FILE, ...found })?.why ?? null).toBe(why)
})

test('a sentence a path, of at most 500 characters; a long list is cut', () => {
  expect(sayHeldBack([{ path: 'a "b"\n', why: 'filtered', detail: 'lfs' }])).toEqual(['"a \\"b\\"\\n" is not in the commit: it has to pass the filter "lfs", which Ralph does not run'])
  expect(sayHeldBack(Array.from({ length: 25 }, (_, index) => ({ path: String(index), why: 'no_file' as const, detail: '' })))).toHaveLength(21)
  expect(sayHeldBack(Array.from({ length: 25 }, (_, index) => ({ path: String(index), why: 'no_file' as const, detail: '' }))).at(-1)).toBe('5 further paths are not in the commit')
  expect(sayHeldBack([{ path: 'x'.repeat(5000), why: 'refused', detail: 'y'.repeat(5000) }])[0]?.length).toBe(500)
})

test('raw changes of git', () => {
  expect(parseRaw([':100644 000000 aa 00 D', 'gone', ':000000 100644 00 bb A', 'new line\n'])).toEqual([
    { oldMode: '100644', newMode: '000000', oldSha: 'aa', newSha: '00', status: 'D', path: 'gone' },
    { oldMode: '000000', newMode: '100644', oldSha: '00', newSha: 'bb', status: 'A', path: 'new line\n' },
  ])
})
