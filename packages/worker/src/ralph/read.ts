import { MAX_EVENT_LINE_BYTES, RalphEvent } from '@factory/shared'

export type Skipped = 'too long' | 'not JSON' | 'unknown' | 'repeat' | 'broken off'

/** One process tells of one run; more than a few come from something that is not Ralph. */
const MOST_RUNS = 64

/**
 * Events from Ralph's standard output. Tolerant on purpose, so that a newer Ralph or a stray line
 * never ends a run: what cannot be read is skipped and told to `skipped`; repeats by `(run, seq)` are
 * dropped; a last line without its end counts; a stream that breaks off is one that ended. Memory does
 * not grow with the number of lines.
 */
export async function* readEvents(stream: AsyncIterable<Uint8Array>, skipped: (why: Skipped, line: string) => void = () => undefined): AsyncGenerator<RalphEvent> {
  const repeats = newRepeats()
  for await (const line of readLines(stream, skipped)) {
    if (line.trim() === '') continue
    const event = parse(line)
    if (typeof event === 'string') skipped(event, line)
    else if (repeats(event)) skipped('repeat', line)
    else yield event
  }
}

/** The events of one run come in the order of their numbers, so the highest says which were there. */
function newRepeats(): (event: { run: string; seq: number }) => boolean {
  const highest = new Map<string, number>()
  return ({ run, seq }) => {
    const last = highest.get(run)
    if (last !== undefined && seq <= last) return true
    highest.set(run, seq)
    const [oldest] = highest.keys()
    if (highest.size > MOST_RUNS && oldest !== undefined) highest.delete(oldest)
    return false
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

/** Whole lines, however the bytes are cut. Of one that is too long nothing is kept. */
async function* readLines(stream: AsyncIterable<Uint8Array>, skipped: (why: Skipped, line: string) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let line = ''
  let dropping = false
  const add = (part: string): void => {
    if (dropping) return
    line += part
    if (line.length <= MAX_EVENT_LINE_BYTES) return
    dropping = true
    line = ''
    skipped('too long', '')
  }
  try {
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true })
      let from = 0
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
        add(text.slice(from, end))
        if (!dropping) yield line
        line = ''
        dropping = false
        from = end + 1
      }
      add(text.slice(from))
    }
  } catch (error) {
    skipped('broken off', error instanceof Error ? error.message : String(error))
  }
  add(decoder.decode())
  if (!dropping) yield line
}
