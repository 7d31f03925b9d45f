import { expect, test } from 'bun:test'
import { array, assert, integer, property, uniqueArray } from 'fast-check'
import { fuse, normalize } from './rank.ts'

test('what both lists know goes before what one puts first', () => {
  expect(fuse([[1, 2, 3], [4, 2, 5]])).toEqual([2, 4, 1, 5, 3])
})

test('one list keeps its order; equals go newest first', () => {
  expect(fuse([[3, 1, 2]])).toEqual([3, 1, 2])
  expect(fuse([[1], [2]])).toEqual([2, 1])
  expect(fuse([[], []])).toEqual([])
})

test('each id once, and nothing that is better in every list goes behind', () => {
  const list = uniqueArray(integer({ min: 1, max: 30 }), { maxLength: 12 })
  assert(
    property(array(list, { minLength: 1, maxLength: 3 }), (lists) => {
      const fused = fuse(lists)
      expect([...fused].sort()).toEqual([...new Set(lists.flat())].sort())
      const rank = (ids: number[], id: number) => (ids.includes(id) ? ids.indexOf(id) : Number.POSITIVE_INFINITY)
      for (const [place, id] of fused.entries()) {
        for (const later of fused.slice(place + 1)) expect(lists.every((ids) => rank(ids, later) < rank(ids, id))).toBe(false)
      }
    }),
  )
})

test('spelling does not make a discovery new', () => {
  expect(normalize('  Run `bun test`, then\n commit! ')).toBe(normalize('run `bun test` then commit'))
  expect(normalize('Use A')).not.toBe(normalize('Use B'))
})
