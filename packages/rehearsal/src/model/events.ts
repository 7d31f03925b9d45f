import type { Block, Rule } from './script.ts'

export type Message = {
  id: string
  type: 'message'
  role: 'assistant'
  model: string
  content: ({ type: 'text'; text: string } | { type: 'tool_use'; id: string; name: string; input: unknown })[]
  stop_reason: string
  stop_sequence: null
  usage: { input_tokens: number; output_tokens: number; cache_read_input_tokens: number; cache_creation_input_tokens: number }
}

export type Event = { type: string; [field: string]: unknown }

/** Rough, but never 0: a character count over four, as the service's own tokenizers come out near. */
const tokens = (text: string): number => Math.max(1, Math.ceil(text.length / 4))

/** The service's message for a reply. `serial` makes its ids unique. */
export function toMessage(blocks: readonly Block[], rule: Pick<Rule, 'stop_reason' | 'usage'>, request: { model: string; characters: number }, serial: number): Message {
  const usesTool = blocks.some((block) => 'tool' in block)
  return {
    id: `msg_rehearsal_${serial}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: blocks.map((block, index) => ('text' in block ? { type: 'text', text: block.text } : { type: 'tool_use', id: `toolu_rehearsal_${serial}_${index}`, name: block.tool, input: block.input })),
    stop_reason: rule.stop_reason ?? (usesTool ? 'tool_use' : 'end_turn'),
    stop_sequence: null,
    usage: {
      input_tokens: rule.usage?.input ?? Math.max(1, Math.ceil(request.characters / 4)),
      output_tokens: rule.usage?.output ?? tokens(JSON.stringify(blocks)),
      cache_read_input_tokens: rule.usage?.cache_read ?? 0,
      cache_creation_input_tokens: rule.usage?.cache_write ?? 0,
    },
  }
}

/** The events by which the service streams that message; long blocks come in pieces. */
export function toEvents(message: Message): Event[] {
  const events: Event[] = [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { ...message.usage, output_tokens: 1 } } },
    { type: 'ping' },
  ]
  for (const [index, block] of message.content.entries()) {
    if (block.type === 'text') {
      events.push({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } })
      for (const text of pieces(block.text)) events.push({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } })
    } else {
      events.push({ type: 'content_block_start', index, content_block: { ...block, input: {} } })
      for (const json of pieces(JSON.stringify(block.input))) events.push({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: json } })
    }
    events.push({ type: 'content_block_stop', index })
  }
  events.push({ type: 'message_delta', delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: { output_tokens: message.usage.output_tokens } }, { type: 'message_stop' })
  return events
}

/** At most 400 code points each, so that no piece ends inside a surrogate pair. */
function pieces(text: string): string[] {
  const points = [...text]
  const found: string[] = []
  for (let at = 0; at < points.length; at += 400) found.push(points.slice(at, at + 400).join(''))
  return found
}
