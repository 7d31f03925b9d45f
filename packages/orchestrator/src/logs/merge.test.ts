import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { linesOf, numberLines } from './lines.ts'
import { cursorNumber, cursorOf, mergeLines, type Said } from './merge.ts'

const said = (stream: 'ralph' | 'worker', seconds: number, cursor: number, shown = true): Said => {
  const at = new Date(seconds * 1000)
  return { at, cursor, line: shown ? { at: at.toISOString(), stream, text: `${stream} ${cursor}` } : null }
}

describe('pages of what a run said', () => {
  test('the earlier of two comes first, also when the other is told later', () => {
    const { lines, next } = mergeLines([said('ralph', 2, 5), said('ralph', 4, 6)], [said('worker', 1, 1), said('worker', 3, 2)], { event: 4, line: 0 }, 3)
    expect(lines.map((line) => line.text)).toEqual(['worker 1', 'ralph 5', 'worker 2'])
    expect(next).toEqual({ event: 5, line: 2 })
  })

  test('one number holds both places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 23 - 1 }), fc.integer({ min: 0, max: 2 ** 30 - 1 }), (event, line) => {
        expect(Number.isSafeInteger(cursorNumber({ event, line }))).toBe(true)
        expect(cursorOf(cursorNumber({ event, line }))).toEqual({ event, line })
      }),
    )
  })

  test('pages of any size, with events that are told late, show everything once and each in its order', () => {
    const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 30 })
    fc.assert(
      fc.property(times, times, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), fc.integer({ min: 0, max: 30 }), (a, b, limits, known) => {
        const events = a.map(([at, shown], index) => said('ralph', at, index + 1, shown))
        const written = b.map(([at], index) => said('worker', at, index + 1))
        const seen: string[] = []
        let cursor = { event: 0, line: 0 }
        for (let round = 0; round < 200; round++) {
          // Until round 20 the first `known` events are all that was told.
          const told = round < 20 ? events.slice(0, known) : events
          const page = mergeLines(told.slice(cursor.event), written.slice(cursor.line), cursor, limits[round % limits.length] ?? 1)
          seen.push(...page.lines.map((line) => line.text))
          expect(cursorNumber(page.next)).toBeGreaterThanOrEqual(cursorNumber(cursor) - 2 ** 30)
          cursor = page.next
        }
        expect(seen.filter((text) => text.startsWith('ralph'))).toEqual(events.flatMap((one) => one.line?.text ?? []))
        expect(seen.filter((text) => text.startsWith('worker'))).toEqual(written.flatMap((one) => one.line?.text ?? []))
      }),
    )
  })
})

describe('lines of what was written', () => {
  const piece = (text: string, line_start: number) => ({ at: new Date(0), text, line_start, line_end: line_start + linesOf(text).length })

  test('a text without an end, an empty line, nothing', () => {
    expect([linesOf('a\n\nb'), linesOf('a\n'), linesOf('')]).toEqual([['a', '', 'b'], ['a'], []])
  })

  test('are numbered through, and go on in the middle of a piece', () => {
    const pieces = [piece('a\nb\n', 0), piece('c\n', 2)]
    expect(numberLines(pieces, 0).map(({ cursor, line }) => [cursor, line.text])).toEqual([[1, 'a'], [2, 'b'], [3, 'c']])
    expect(numberLines(pieces, 1).map(({ cursor, line }) => [cursor, line.text])).toEqual([[2, 'b'], [3, 'c']])
  })

  test('what was left out is said once, to whom it is missing', () => {
    const pieces = [piece('a\n', 0), piece('y\nz\n', 7)]
    expect(numberLines(pieces, 0).map(({ cursor, line }) => [cursor, line.text])).toEqual([[1, 'a'], [7, '[6 lines are left out here: the run wrote more than is kept]'], [8, 'y'], [9, 'z']])
    expect(numberLines(pieces.slice(1), 5)[0]?.line.text).toStartWith('[2 lines are left out')
    expect(numberLines(pieces.slice(1), 7).map(({ line }) => line.text)).toEqual(['y', 'z'])
  })
})
