import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { readEventStream, type SseSignal } from './sse.ts'

function pieces(parts: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

async function read(text: string, cuts: number[] = []): Promise<SseSignal[]> {
  const bytes = new TextEncoder().encode(text)
  const points = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  const signals: SseSignal[] = []
  for await (const signal of readEventStream(pieces(points.slice(1).map((end, index) => bytes.slice(points[index], end))))) signals.push(signal)
  return signals
}

describe('the event-stream format', () => {
  test('id, event, several data lines, and comments', async () => {
    expect(await read(': ping\n\nid: a1\nevent: work.status\ndata: {"a":\ndata: 1}\n\ndata:x\n\n')).toEqual([
      { kind: 'alive' },
      { kind: 'event', event: { id: 'a1', event: 'work.status', data: '{"a":\n1}' } },
      { kind: 'event', event: { id: null, event: 'message', data: 'x' } },
    ])
  })

  test('an event without its empty line is not one: the stream broke in it', async () => {
    expect(await read('id: 1\ndata: half')).toEqual([])
  })

  test('however the bytes are cut and lines end, the same events come out', async () => {
    const words = fc.string({ unit: fc.constantFrom('a', 'é', '☑', '{', ':', ' ') })
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 5 }), fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.nat(500)), async (texts, ending, cuts) => {
        const stream = texts.map((text, index) => `id: ${index}${ending}data: ${text}${ending}${ending}`).join('')
        // A lone CR at the very end waits for its LF, so the stream says one thing more.
        const signals = await read(`${stream}: end${ending}x`, cuts)
        const events = signals.flatMap((signal) => (signal.kind === 'event' ? [signal.event] : []))
        expect(events).toEqual(texts.map((data, index) => ({ id: String(index), event: 'message', data })))
      }),
    )
  })
})
