import type { Usage } from '@factory/shared/ralph'
import { z } from 'zod'
import type { Activity } from './agent.ts'
import { follow, NO_REPEATS, type Repeats } from './same-call.ts'

const Content = z.union([
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() }),
  z.looseObject({ type: z.literal('tool_result'), tool_use_id: z.string(), is_error: z.boolean().nullish(), content: z.unknown() }),
  z.looseObject({ type: z.string() }).transform((block) => ({ type: 'other' as const, of: block.type })),
])
const LineUsage = z.looseObject({ input_tokens: z.number().catch(0), output_tokens: z.number().catch(0), cache_read_input_tokens: z.number().catch(0), cache_creation_input_tokens: z.number().catch(0) })
const Message = z.looseObject({ id: z.string().nullish().catch(null), usage: LineUsage.nullish().catch(null), content: z.union([z.string().transform(() => []), z.array(Content)]).catch([]) })

const ModelUsage = z.record(
  z.string(),
  z.looseObject({
    inputTokens: z.number().catch(0),
    outputTokens: z.number().catch(0),
    cacheReadInputTokens: z.number().catch(0),
    cacheCreationInputTokens: z.number().catch(0),
    costUSD: z.number().catch(0),
  }),
)

const Result = z.looseObject({
  type: z.literal('result'),
  subtype: z.string().catch(''),
  is_error: z.boolean(),
  api_error_status: z.number().nullish().catch(null),
  terminal_reason: z.string().nullish().catch(null),
  result: z.string().nullish().catch(null),
  errors: z.array(z.string()).nullish().catch(null),
  total_cost_usd: z.number().catch(0),
  modelUsage: ModelUsage.catch({}),
})
export type ResultLine = z.infer<typeof Result>

const Line = z.union([
  Result,
  z.looseObject({ type: z.literal('assistant'), message: Message, parent_tool_use_id: z.string().nullish(), error: z.string().nullish().catch(null) }),
  z.looseObject({ type: z.literal('user'), message: Message, parent_tool_use_id: z.string().nullish() }),
  z.looseObject({ type: z.literal('rate_limit_event'), rate_limit_info: z.looseObject({ status: z.string(), resetsAt: z.number().nullish().catch(null) }) }),
  z.looseObject({ type: z.literal('system'), subtype: z.string(), model: z.string().optional(), claude_code_version: z.string().optional(), attempt: z.number().optional(), error_status: z.number().nullish(), retry_delay_ms: z.number().optional(), mcp_servers: z.array(z.looseObject({ name: z.string(), status: z.string() })).optional() }),
])

/** What a stream has said so far. */
export type StreamState = {
  /** The last `result` line: a background agent gives several, each with totals so far. */
  result: ResultLine | null
  /** The error field of the main agent's last line, such as `rate_limit` or `billing_error`. */
  apiError: string | null
  /** Set while the last word about the account's window is that it is used up. Epoch seconds. */
  rejected: { resetsAt: number | null } | null
  /** Tools that were called and have not answered. */
  running: ReadonlySet<string>
  /** Which calls were repeated, and how often. */
  repeats: Repeats
  /** What each message said of its own usage, by id: every line of a message repeats it. */
  messages: ReadonlyMap<string, z.infer<typeof LineUsage>>
  text: string | null
  lines: number
  /** Lines that are not what this version of the CLI says. */
  unknown: number
}

export const START: StreamState = { result: null, apiError: null, rejected: null, running: new Set(), repeats: NO_REPEATS, messages: new Map(), text: null, lines: 0, unknown: 0 }

/** Folds one line of `--output-format stream-json`; never throws. */
export function fold(state: StreamState, text: string): { state: StreamState; activities: Activity[] } {
  if (text.trim() === '') return { state, activities: [] }
  const line = Line.safeParse(parseJson(text))
  const next = { ...state, lines: state.lines + 1 }
  if (!line.success) return { state: { ...next, unknown: state.unknown + 1 }, activities: [] }
  const data = line.data
  switch (data.type) {
    case 'result':
      return { state: { ...next, result: data, text: data.result ?? state.text }, activities: [] }
    case 'rate_limit_event':
      return { state: { ...next, rejected: data.rate_limit_info.status === 'rejected' ? { resetsAt: data.rate_limit_info.resetsAt ?? null } : null }, activities: [] }
    case 'system':
      return { state: next, activities: system(data) }
    case 'assistant':
    case 'user': {
      const parent = data.parent_tool_use_id ?? null
      const running = new Set(state.running)
      const activities: Activity[] = []
      let { text: said, repeats } = state
      for (const block of data.message.content) {
        if (block.type === 'text' && data.type === 'assistant') {
          if (parent === null) said = block.text
          if (block.text.trim()) activities.push({ kind: 'text', summary: brief(block.text), tool: null, parent })
        } else if (block.type === 'tool_use') {
          running.add(block.id)
          repeats = follow(repeats, { kind: 'call', id: block.id, name: block.name, input: block.input, parent })
          activities.push({ kind: 'tool', summary: brief(`${block.name} ${subject(block.input)}`.trim()), tool: block.name, parent })
        } else if (block.type === 'tool_result') {
          running.delete(block.tool_use_id)
          repeats = follow(repeats, { kind: 'answer', id: block.tool_use_id, content: block.content, failed: block.is_error === true })
          if (block.is_error) activities.push({ kind: 'tool_result', summary: brief(`failed: ${flatten(block.content)}`), tool: null, parent })
        }
      }
      const apiError = data.type === 'assistant' && parent === null ? (data.error ?? null) : state.apiError
      const { id, usage } = data.message
      const messages = id && usage ? new Map(state.messages).set(id, usage) : state.messages
      return { state: { ...next, running, repeats, messages, text: said, apiError }, activities }
    }
  }
}

type SystemLine = { subtype: string; model?: string | undefined; claude_code_version?: string | undefined; attempt?: number | undefined; error_status?: number | null | undefined; mcp_servers?: { name: string; status: string }[] | undefined }

function system(line: SystemLine): Activity[] {
  const say = (kind: 'system' | 'retry', summary: string): Activity => ({ kind, summary, tool: null, parent: null })
  if (line.subtype === 'api_retry') return [say('retry', `the model's API answered ${line.error_status ?? 'nothing'}; retry ${line.attempt ?? ''}`.trimEnd())]
  if (line.subtype !== 'init') return []
  const servers = (what: string, ...statuses: string[]): Activity[] => {
    const names = (line.mcp_servers ?? []).filter((server) => statuses.includes(server.status)).map((server) => server.name)
    return names.length === 0 ? [] : [say('system', `MCP servers that ${what}: ${names.join(', ')}`)]
  }
  const started = say('system', `claude ${line.claude_code_version ?? ''} with ${line.model ?? 'its default model'}`)
  return [started, ...servers('do not answer', 'failed', 'needs-auth'), ...servers('have not answered yet', 'pending')]
}

/**
 * What the whole execution used, subagents included: the totals by model of the last result. A CLI that
 * was killed gives none (now and then not even after a SIGINT); then what its messages said is better
 * than nothing: their input is right, their output too low, and their price unknown.
 */
export function usageOf({ result, messages }: Pick<StreamState, 'result' | 'messages'>): Usage {
  const models = result
    ? Object.values(result.modelUsage)
    : [...messages.values()].map((usage) => ({ inputTokens: usage.input_tokens, outputTokens: usage.output_tokens, cacheReadInputTokens: usage.cache_read_input_tokens, cacheCreationInputTokens: usage.cache_creation_input_tokens, costUSD: 0 }))
  const whole = (value: number): number => Math.max(0, Math.round(value))
  const sum = (pick: (usage: (typeof models)[number]) => number): number => models.reduce((total, usage) => total + pick(usage), 0)
  const perModel = sum((usage) => usage.costUSD)
  return {
    iterations: 0,
    inputTokens: whole(sum((usage) => usage.inputTokens)),
    outputTokens: whole(sum((usage) => usage.outputTokens)),
    cacheReadTokens: whole(sum((usage) => usage.cacheReadInputTokens)),
    cacheWriteTokens: whole(sum((usage) => usage.cacheCreationInputTokens)),
    costUsd: Math.max(0, perModel > 0 ? perModel : (result?.total_cost_usd ?? 0)),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const Subject = z.looseObject({
  file_path: z.string().optional(),
  notebook_path: z.string().optional(),
  path: z.string().optional(),
  pattern: z.string().optional(),
  command: z.string().optional(),
  description: z.string().optional(),
  query: z.string().optional(),
  url: z.string().optional(),
})

/** The one thing a tool call is about. */
function subject(input: unknown): string {
  const known = Subject.safeParse(input)
  if (!known.success) return ''
  const { file_path, notebook_path, path, pattern, command, description, query, url } = known.data
  return file_path ?? notebook_path ?? command ?? pattern ?? path ?? query ?? url ?? description ?? ''
}

function flatten(content: unknown): string {
  if (typeof content === 'string') return content
  const blocks = z.array(z.looseObject({ text: z.string() })).safeParse(content)
  return blocks.success ? blocks.data.map((block) => block.text).join(' ') : ''
}

/** One line of at most 300 characters. */
function brief(text: string): string {
  const line = text.slice(0, 2000).replace(/\s+/g, ' ').trim()
  return line.length > 300 ? `${line.slice(0, 299)}…` : line
}
