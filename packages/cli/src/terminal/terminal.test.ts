import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { createStyle } from './style.ts'
import { cutTo, renderTable, wrap } from './table.ts'
import { visible, visibleLine } from './visible.ts'

const anything = fc.string({ unit: 'binary', maxLength: 60 })

describe('text from elsewhere', () => {
  test('has no control character left but newline and tab', () => {
    fc.assert(
      fc.property(anything, (text) => {
        // oxlint-disable-next-line no-control-regex
        expect(visible(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
        expect(visibleLine(text)).not.toMatch(/[\n\t]/)
      }),
    )
  })

  test('shows what it hid', () => {
    expect(visible('\u001b[31m\u0007\u009b\u202e')).toBe('␛[31m␇<U+009B><U+202E>')
    expect(visible('a\r\nb')).toBe('a\nb')
    expect(visible('progress 10%\rprogress 20%')).toBe('progress 10%␍progress 20%')
  })
})

describe('tables', () => {
  test('a line is never wider than the terminal, as long as the rigid columns fit', () => {
    const plain = createStyle(false)
    fc.assert(
      fc.property(fc.array(fc.tuple(anything, anything), { maxLength: 5 }), fc.integer({ min: 40, max: 120 }), (rows, width) => {
        const text = renderTable([{ head: 'ID' }, { head: 'A', flexible: true }, { head: 'B', flexible: true }], rows.map(([a, b]) => ['12', a, b]), width, plain)
        for (const line of text.split('\n')) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width)
        expect(text.split('\n').length).toBe(rows.length + 1)
      }),
    )
  })

  test('numbers stand at the right, wide signs count as two columns', () => {
    expect(renderTable([{ head: 'ID', right: true }, { head: 'T', flexible: true }], [['7', '红红红红红红']], 14, createStyle(false))).toBe('ID  T\n 7  红红红红…')
  })

  test('cutting keeps what fits', () => {
    expect(cutTo('abcdef', 6)).toBe('abcdef')
    expect(cutTo('abcdef', 5)).toBe('abcd…')
  })
})

test('wrapping breaks between words and leaves long words whole', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
  expect(wrap('see https://example.com/long', 8)).toEqual(['see', 'https://example.com/long'])
})
