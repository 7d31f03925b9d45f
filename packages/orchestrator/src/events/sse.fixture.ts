export type Message = { id: string | null; event: string | null; data: string }

export type Reader = {
  /** The next `count` messages; waits for them. */
  take(count: number): Promise<Message[]>
  /** Waits for the next comment line that came after this call or the last one. */
  comment(): Promise<void>
  /** All that is left until the server ends the stream. */
  all(): Promise<Message[]>
  close(): Promise<void>
}

/** Reads server-sent events as a browser does: by empty lines. */
export function readMessages(response: Response): Reader {
  if (!response.ok || !response.body) throw new Error(`no stream: ${response.status}`)
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  const messages: Message[] = []
  let comments = 0
  let text = ''

  async function more(): Promise<boolean> {
    const { value, done } = await reader.read()
    if (done) return false
    text += decoder.decode(value, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end)
      text = text.slice(end + 2)
      const message: Message = { id: null, event: null, data: '' }
      for (const line of block.split('\n')) {
        if (line.startsWith(':')) comments++
        else if (line.startsWith('id: ')) message.id = line.slice(4)
        else if (line.startsWith('event: ')) message.event = line.slice(7)
        else if (line.startsWith('data: ')) message.data += line.slice(6)
      }
      if (message.data !== '') messages.push(message)
    }
    return true
  }

  return {
    async take(count) {
      while (messages.length < count) if (!(await more())) throw new Error(`the stream ended with ${messages.length} of ${count} messages`)
      return messages.splice(0, count)
    },
    async comment() {
      while (comments === 0) if (!(await more())) throw new Error('the stream ended')
      comments = 0
    },
    async all() {
      while (await more());
      return messages.splice(0)
    },
    close: () => reader.cancel(),
  }
}
