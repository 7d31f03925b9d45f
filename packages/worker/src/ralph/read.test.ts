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
})
