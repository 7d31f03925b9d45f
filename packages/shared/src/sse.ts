export type ServerSentEvent = { id: string | null; event: string; data: string }

/** What a stream said: an event, or a comment, which only shows that the other side lives. */
export type SseSignal = { kind: 'event'; event: ServerSentEvent } | { kind: 'alive' }

/** A line longer than this is not one of ours; the stream is given up. */
const MAX_LINE = 4_194_304

/**
 * Reads the event-stream format (HTML Standard, "Server-sent events") as it arrives, in pieces cut
 * anywhere. `EventSource` is not used because it cannot send the bearer header.
 * @throws Error when the stream breaks or sends an endless line
 */
export async function* readEventStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<SseSignal> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let fields: { id: string | null; event: string; data: string[] } = empty()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      if (rest.length > MAX_LINE) throw new Error('the event stream sent a line without an end')
      // A lone CR at the very end may be the first half of CRLF.
      const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest
      const lines = whole.split(/\r\n|\n|\r/)
      rest = (lines.pop() ?? '') + rest.slice(whole.length)
      for (const line of lines) {
        if (line === '') {
          if (fields.data.length > 0) yield { kind: 'event', event: { ...fields, data: fields.data.join('\n') } }
          fields = empty()
        } else if (line.startsWith(':')) yield { kind: 'alive' }
        else take(fields, line)
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

const empty = () => ({ id: null, event: 'message', data: [] as string[] })

function take(fields: { id: string | null; event: string; data: string[] }, line: string): void {
  const colon = line.indexOf(':')
  const name = colon === -1 ? line : line.slice(0, colon)
  const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (name === 'data') fields.data.push(value)
  else if (name === 'event') fields.event = value
  else if (name === 'id' && !value.includes('\0')) fields.id = value
}
