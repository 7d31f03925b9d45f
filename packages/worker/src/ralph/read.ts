import { MAX_EVENT_LINE_BYTES, RalphEvent } from '@factory/shared'

export type Skipped = 'too long' | 'not JSON' | 'unknown' | 'repeat'

/**
 * Events from Ralph's standard output. Tolerant on purpose, so that a newer Ralph or a stray line
 * never ends a run: what cannot be read is skipped and told to `skipped`; repeats by `(run, seq)`
 * are dropped; a last line without its end counts.
 */
export async function* readEvents(stream: AsyncIterable<Uint8Array>, skipped: (why: Skipped, line: string) => void = () => undefined): AsyncGenerator<RalphEvent> {
  const seen = new Set<string>()
  for await (const line of readLines(stream, () => skipped('too long', ''))) {
    if (line.trim() === '') continue
    const event = parse(line)
    if (typeof event === 'string') {
      skipped(event, line)
      continue
    }
    const key = `${event.run} ${event.seq}`
    if (seen.has(key)) {
      skipped('repeat', line)
      continue
    }
    seen.add(key)
    yield event
  }
}

function parse(line: string): RalphEvent | 'not JSON' | 'unknown' {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'not JSON'
  }
  const parsed = RalphEvent.safeParse(value)
  return parsed.success ? parsed.data : 'unknown'
}

async function* readLines(stream: AsyncIterable<Uint8Array>, tooLong: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let line = ''
  let dropping = false
  for await (const chunk of stream) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n')
    for (const [index, part] of parts.entries()) {
      if (!dropping) line += part
      if (!dropping && line.length > MAX_EVENT_LINE_BYTES) {
        dropping = true
        line = ''
        tooLong()
      }
      if (index === parts.length - 1) continue
      if (!dropping) yield line
      line = ''
      dropping = false
    }
  }
  if (!dropping) yield line + decoder.decode()
}
