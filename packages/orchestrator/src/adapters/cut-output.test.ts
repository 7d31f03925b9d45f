import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeOutput, pieceEnd } from './cut-output.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('where a piece of output ends', () => {
  test.each([
    ['all of it when nothing follows', 'one\ntwo', 100, true, 'one\ntwo'],
    ['at the last line that is whole', 'one\ntwo', 100, false, 'one\n'],
    ['a line that is being written waits', 'one', 100, false, ''],
    ['at the last line within the limit', 'one\ntwo\nthree\n', 9, true, 'one\ntwo\n'],
    ['a line too long, at a blank', 'a token and its value\n', 12, false, 'a token and '],
    ['a line too long without a blank, between characters', 'ääääää', 5, false, 'ää'],
    ['never less than a character', '🙂🙂', 1, false, '🙂'],
    ['exactly full, and alive', 'abcd', 4, false, 'abcd'],
  ])('%s', (_what, text, limit, ended, piece) => {
    expect(decodeOutput(bytes(text).subarray(0, pieceEnd(bytes(text), limit, ended)))).toBe(piece)
  })

  test('a byte order mark is output like any other', () => expect(decodeOutput(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe('\uFEFFa'))

  test('pieces of any limit give any bytes exactly once, and characters whole', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }).map(bytes), fc.uint8Array({ maxLength: 200 })), fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }), (output, limits) => {
        const pieces: Uint8Array[] = []
        for (let at = 0, round = 0; at < output.length; round++) {
          const rest = output.subarray(at)
          const end = pieceEnd(rest, limits[round % limits.length] ?? 4, true)
          expect(end).toBeGreaterThan(0)
          pieces.push(rest.subarray(0, end))
          at += end
        }
        expect(Buffer.concat(pieces).equals(Buffer.from(output))).toBe(true)
        if (!decodeOutput(output).includes('\uFFFD')) expect(pieces.map(decodeOutput).join('')).toBe(decodeOutput(output))
      }),
    )
  })
})
