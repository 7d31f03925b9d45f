import { z } from 'zod'

const Part = z.looseObject({ type: z.string(), text: z.string().optional(), content: z.unknown().optional() })
const Content = z.union([z.string().transform((text) => [{ type: 'text', text }]), z.array(Part)])

/** The part of a Messages request that a script can look at. */
export const MessagesRequest = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  system: Content.optional(),
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content: Content })).min(1),
  metadata: z.looseObject({ user_id: z.string().optional() }).nullish(),
})
export type MessagesRequest = z.infer<typeof MessagesRequest>

/** What a request says, as a script sees it. */
export type Conversation = {
  /** The same for every request of one conversation, different between sessions. */
  key: string
  model: string
  system: string
  prompt: string
  result: string
  /** Answers the model has given so far. */
  turn: number
  /** Where the CLI says it works; empty for a client that does not say. */
  cwd: string
}

/** Reminders are the CLI's own words; a script that matched them would break with its next version. */
const REMINDER = /<system-reminder>[\s\S]*?<\/system-reminder>/g

export function readConversation(request: MessagesRequest): Conversation {
  const { messages } = request
  const texts = (parts: z.infer<typeof Content>) => parts.flatMap((part) => (part.type === 'text' ? (part.text ?? '') : [])).join('\n')
  const said = messages.flatMap((message) => {
    if (message.role !== 'user' || message.content.some((part) => part.type === 'tool_result')) return []
    return texts(message.content).replace(REMINDER, '').trim() || []
  })
  const last = messages.at(-1)
  const results = last?.role === 'user' ? last.content.flatMap((part) => (part.type === 'tool_result' ? resultText(part) : [])) : []
  const system = [...(request.system ? [texts(request.system)] : []), ...messages.flatMap((message) => (message.role === 'system' ? texts(message.content) : []))].join('\n')
  const everything = `${system}\n${messages.map((message) => texts(message.content)).join('\n')}`
  return {
    key: `${request.metadata?.user_id ?? ''}\n${said[0] ?? ''}`,
    model: request.model,
    system,
    prompt: said.at(-1) ?? '',
    result: results.join('\n').replace(REMINDER, '').trim(),
    turn: messages.filter((message, index) => message.role === 'assistant' && messages[index - 1]?.role !== 'assistant').length,
    cwd: /working directory: *(\S[^\n]*)/i.exec(everything)?.[1]?.trim() ?? '',
  }
}

function resultText(part: z.infer<typeof Part>): string {
  const content = Content.safeParse(part.content)
  return content.success ? content.data.map((inner) => inner.text ?? '').join('\n') : ''
}
