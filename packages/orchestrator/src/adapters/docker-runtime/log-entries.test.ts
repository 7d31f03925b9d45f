import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CutAnswer, entriesOf, pieceAfter, type Entry } from './log-entries.ts'
import { readLogEntries } from './read-log.ts'

const entry = (at: string, text: string): Entry => ({ at, bytes: new TextEncoder().encode(text) })

function frame(text: string, stream = 1): Uint8Array {
  const body = new TextEncoder().encode(text)
  const raw = new Uint8Array(8 + body.length)
  raw[0] = stream
  new DataView(raw.buffer).setUint32(4, body.length)
  raw.set(body, 8)
  return raw
}
const answer = (entries: readonly Entry[]) => Buffer.concat(entries.map(({ at, bytes }) => frame(`${at} ${new TextDecoder().decode(bytes)}`)))

/** An engine's log, which gives its last entries. */
const engine = (entries: readonly Entry[]) => (tail: number | 'all') => Promise.resolve(answer(tail === 'all' ? entries : entries.slice(-tail)))

async function readAll(log: (read: number) => readonly Entry[], limits: readonly number[], from: string | null = null): Promise<string> {
  let position = from
  let text = ''
  for (let round = 0; ; round++) {
    const piece = await readLogEntries(engine(log(round)), { from: position, maxBytes: limits[round % limits.length] ?? 1, ended: true })
    if (piece.text === '') return text
    if (round > 2_000) throw new Error('the readings come to no end')
    text += piece.text
    position = piece.position
  }
}

describe("the engine's log", () => {
  test('entries and their times; an empty line is an entry', () => {
    expect(entriesOf(Buffer.concat([frame('t1 a b\n'), frame('t2 \n', 2)])).map(({ at, bytes }) => [at, new TextDecoder().decode(bytes)])).toEqual([
      ['t1', 'a b\n'],
      ['t2', '\n'],
    ])
  })

  test('an answer that was cut off is an error, wherever it was cut', () => {
    const raw = Buffer.concat([frame('t1 one\n'), frame('t2 two\n')])
    for (let length = 1; length < raw.length; length++) if (length !== frame('t1 one\n').length) expect(() => entriesOf(raw.subarray(0, length))).toThrow(CutAnswer)
  })

  test('lines of one time, times that go back, any limits: all of it once and in order', async () => {
    const texts = fc.array(fc.tuple(fc.constantFrom('t1', 't2', 't3'), fc.string({ unit: 'grapheme', maxLength: 12 })), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), async (given, limits) => {
        const entries = given.map(([at, text]) => entry(at, `${text}\n`))
        expect(await readAll(() => entries, limits)).toBe(given.map(([, text]) => `${text}\n`).join(''))
      }),
    )
  })

  test('a place far back is found, and only then is more than the last entries asked for', async () => {
    const entries = Array.from({ length: 5000 }, (_, index) => entry(`t${String(index).padStart(4, '0')}`, `line ${index}\n`))
    const asked: (number | 'all')[] = []
    const fetch = (tail: number | 'all') => {
      asked.push(tail)
      return engine(entries)(tail)
    }
    expect((await readLogEntries(fetch, { from: 't4998#1+10', maxBytes: 1000, ended: false })).text).toBe('line 4999\n')
    expect(asked).toEqual([100])
    expect((await readLogEntries(fetch, { from: 't0000#1+7', maxBytes: 14, ended: false })).text).toBe('line 1\nline 2\n')
    expect(asked).toEqual([100, 100, 2000, 40_000])
  })

  test('entries of one time at the edge of what was asked for are not taken for others', async () => {
    const entries = [entry('t1', 'first\n'), ...Array.from({ length: 150 }, (_, index) => entry('t2', `line ${index}\n`))]
    expect((await readLogEntries(engine(entries), { from: 't2#50+8', maxBytes: 18, ended: false })).text).toBe('line 50\nline 51\n')
  })

  test('output that was thrown away before it was read is said to be missing, once', async () => {
    const log = Array.from({ length: 10 }, (_, index) => entry(`t${index}`, `line ${index}\n`))
    const text = await readAll((round) => (round === 0 ? log.slice(0, 3) : log.slice(6)), [14, 14])
    expect(text).toBe('line 0\nline 1\n[the engine threw older output away before it was read: some is missing here]\nline 6\nline 7\nline 8\nline 9\n')
  })

  test('what is not the log of a worker that was read from is not read twice', () => {
    expect(pieceAfter([entry('t1', 'old\n')], { from: 't5#1+3', maxBytes: 100, ended: true, whole: true })).toEqual({ text: '', position: 't5#1+3' })
    expect(() => pieceAfter([], { from: 'nonsense', maxBytes: 100, ended: true, whole: true })).toThrow('no position')
  })
})
