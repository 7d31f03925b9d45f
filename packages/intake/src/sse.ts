export type SseMessage = { id: string | null; event: string; data: string }

/**
 * Reads a stream of server-sent events as it comes, in pieces of any size. Feed it text; it answers
 * with the messages that are complete.
 */
export function createSseParser(): (chunk: string) => SseMessage[] {
  let rest = ''
  let message: { id: string | null; event: string; data: string[] } = { id: null, event: 'message', data: [] }
  return (chunk) => {
    rest += chunk
    const found: SseMessage[] = []
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(rest)
      if (!end) return found
      const line = rest.slice(0, end.index)
      rest = rest.slice(end.index + end[0].length)
      if (line === '') {
        if (message.data.length > 0) found.push({ ...message, data: message.data.join('\n') })
        message = { id: null, event: 'message', data: [] }
        continue
      }
      const colon = line.indexOf(':')
      const field = colon === -1 ? line : line.slice(0, colon)
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'data') message.data.push(value)
      if (field === 'event') message.event = value || 'message'
      if (field === 'id' && !value.includes('\0')) message.id = value
    }
  }
}
