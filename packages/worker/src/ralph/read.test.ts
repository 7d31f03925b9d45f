import { heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { readEvents, type Skipped } from './read.ts'

const line = (seq: number, more: Record<string, unknown> = {}) => JSON.stringify({ v: 1, seq, ts: '2026-01-01T00:00:00.000Z', run: '7', event: 'heartbeat', iteration: 1, elapsedMs: seq, ...more })

async function read(chunks: readonly (string | Uint8Array)[]): Promise<{ seqs: number[]; skipped: Skipped[] }> {
  const skipped: Skipped[] = []
  const seqs: number[] = []
  const bytes = async function* () {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
  }
  for await (const event of readEvents(bytes(), (why) => skipped.push(why))) seqs.push(event.seq)
  return { seqs, skipped }
}

describe('readEvents', () => {
  test('reads lines however the bytes are cut, a half character included', async () => {
    const text = `${line(1)}\n${line(2, { event: 'limit', kind: 'usage', message: 'Grüße ✓', until: null })}\n${line(3)}\n`
    const bytes = new TextEncoder().encode(text)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const parts = at.slice(1).map((end, index) => bytes.slice(at[index], end))
        expect((await read(parts)).seqs).toEqual([1, 2, 3])
      }),
      { numRuns: 50 },
    )
  })

  test('takes a last line without its end, and drops a half one', async () => {
    expect((await read([`${line(1)}\n${line(2)}`])).seqs).toEqual([1, 2])
    expect(await read([`${line(1)}\n${line(2).slice(0, 30)}`])).toEqual({ seqs: [1], skipped: ['not JSON'] })
  })

  test('skips what it does not know and says why', async () => {
    expect(await read([`hello\n${line(1, { event: 'new.kind' })}\n${line(2, { v: 2 })}\n\n${line(3)}\n[]\n`])).toEqual({ seqs: [3], skipped: ['not JSON', 'unknown', 'unknown', 'unknown'] })
  })

  test('drops repeats of one run only', async () => {
    expect(await read([[line(1), line(1), line(1, { run: '8' }), line(2)].join('\n')])).toEqual({ seqs: [1, 1, 2], skipped: ['repeat'] })
  })

  test('passes over a line of more than 64 KiB without keeping it', async () => {
    const huge = 'x'.repeat(50_000)
    expect(await read([line(1), '\n', huge, huge, huge, '\n', line(2), '\n'])).toEqual({ seqs: [1, 2], skipped: ['too long'] })
  })

  test('keeps the order of numbers, not the numbers: memory of any run is one number', async () => {
    expect(await read([[line(5), line(3), line(6), line(6), line(7)].join('\n')])).toEqual({ seqs: [5, 6, 7], skipped: ['repeat', 'repeat'] })
    // A thousand names are not remembered; the last ones are.
    const many = Array.from({ length: 1000 }, (_, index) => line(1, { run: String(index) }))
    expect(await read([[...many, line(1, { run: '999' })].join('\n')])).toMatchObject({ skipped: ['repeat'] })
  })

  test('any events, repeated in any way: each comes once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 }), async (seqs) => {
        const expected = seqs.filter((seq, index) => seqs.slice(0, index).every((earlier) => earlier < seq))
        expect((await read([seqs.map((seq) => line(seq)).join('\n')])).seqs).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  test('any bytes at all: no error, and a good line after them is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), async (chunks) => {
        expect((await read([...chunks, `\n${line(1)}\n`])).seqs).toEqual([1])
      }),
      { numRuns: 200 },
    )
  })

  test.each<[string, (string | Uint8Array)[]]>([
    ['a mark of byte order before it', [new Uint8Array([0xef, 0xbb, 0xbf]), line(1)]],
    ['one that comes in two parts', [new Uint8Array([0xef, 0xbb]), new Uint8Array([0xbf]), line(1)]],
    ['ends of lines as Windows has them', [`${line(1)}\r\n\r\n`]],
    ['half a character at the very end', [`${line(1)}\n`, new Uint8Array([0xf0, 0x9f])]],
    ['empty chunks', ['', line(1).slice(0, 10), '', line(1).slice(10), '']],
    ['each byte for itself', [...new TextEncoder().encode(line(1))].map((byte) => new Uint8Array([byte]))],
    ['nesting without end before it', [`${'['.repeat(60_000)}\n${line(1)}`]],
    ['a line separator inside a text', [line(1, { note: 'a\u2028b' })]],
  ])('%s', async (_name, chunks) => {
    expect((await read(chunks)).seqs).toEqual([1])
  })

  test('a line of exactly 64 KiB is read, one that ends the stream too long is not', async () => {
    const exact = (bytes: number): string => {
      const bare = line(1, { pad: '' })
      return bare.replace('"pad":""', `"pad":"${'x'.repeat(bytes - bare.length)}"`)
    }
    expect(await read([exact(65_535), '\n'])).toEqual({ seqs: [1], skipped: [] })
    expect(await read([exact(65_537)])).toEqual({ seqs: [], skipped: ['too long'] })
    expect(await read(['x'.repeat(70_000), '\n', line(2), '\n', 'x'.repeat(70_000)])).toEqual({ seqs: [2], skipped: ['too long', 'too long'] })
  })

  test('a stream that breaks off ends, with what came before', async () => {
    const skipped: string[] = []
    const seqs: number[] = []
    const bytes = async function* () {
      yield new TextEncoder().encode(`${line(1)}\n${line(2)}`)
      throw new Error('the pipe is gone')
    }
    for await (const event of readEvents(bytes(), (why, text) => skipped.push(`${why}: ${text}`))) seqs.push(event.seq)
    expect({ seqs, skipped }).toEqual({ seqs: [1, 2], skipped: ['broken off: the pipe is gone'] })
  })

  test('100,000 lines do not make it grow', async () => {
    const bytes = async function* () {
      for (let seq = 1; seq <= 100_000; seq += 1000) yield new TextEncoder().encode(Array.from({ length: 1000 }, (_, index) => `${line(seq + index)}\n${line(seq + index)}\n`).join(''))
    }
    const sizes: number[] = []
    let count = 0
    for await (const event of readEvents(bytes())) {
      count = event.seq
      if (count % 20_000 !== 0) continue
      Bun.gc(true)
      sizes.push(heapStats().heapSize)
    }
    expect(count).toBe(100_000)
    expect((sizes.at(-1) ?? 0) - (sizes[0] ?? 0)).toBeLessThan(2 * 1024 * 1024)
  })
})
