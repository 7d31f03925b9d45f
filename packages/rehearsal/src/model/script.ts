import { z } from 'zod'
import { placeholders } from './template.ts'

/**
 * A piece of text to look for: `/…/flags` is a regular expression, anything else a substring.
 * A list means all of them.
 */
const pattern = z.string().min(1).superRefine((text, context) => {
  const broken = toRegExp(text)
  if (broken instanceof Error) context.addIssue({ code: 'custom', message: broken.message })
})
const Patterns = z.union([pattern.transform((one) => [one]), z.array(pattern).min(1)])

const Match = z.strictObject({
  /** The last thing a person (not a tool) said, without the CLI's own reminders. */
  prompt: Patterns.optional(),
  /** The prompt must contain none of these. */
  not: Patterns.optional(),
  system: Patterns.optional(),
  model: Patterns.optional(),
  /** What the tools of the turn before answered. */
  result: Patterns.optional(),
  /** How many answers the model has given in this conversation; 0 is the first turn. */
  turn: z.int().min(0).optional(),
  /** The script's state (see `next`). */
  state: z.string().min(1).optional(),
})

const Block = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ tool: z.string().min(1), input: z.record(z.string(), z.json()).default({}) }),
], { error: 'must be { text } or { tool, input }' })
export type Block = z.infer<typeof Block>

const Blocks = z.union([z.string().transform((text): Block[] => [{ text }]), z.array(Block).min(1)], { error: 'must be a text, or a list of { text } and { tool, input }' })

const Usage = z.strictObject({
  input: z.int().min(0).optional(),
  output: z.int().min(0).optional(),
  cache_read: z.int().min(0).default(0),
  cache_write: z.int().min(0).default(0),
})

const FAULT_KINDS = ['usage_limit', 'rate_limit', 'overloaded', 'server_error', 'unauthorized', 'forbidden', 'low_credit', 'model_not_found', 'prompt_too_long', 'disconnect'] as const

const FaultObject = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** `rate_limit`: seconds. */
  retry_after: z.number().min(0).optional(),
  /** `usage_limit`: seconds from now, or an epoch second. */
  resets_in: z.number().optional(),
  resets_at: z.int().optional(),
  /** `usage_limit`: which of the subscription's windows is used up. */
  window: z.enum(['five_hour', 'seven_day']).default('five_hour'),
})
const Fault = z.union([z.enum(FAULT_KINDS).transform((kind) => FaultObject.parse({ kind })), FaultObject], { error: `must be one of ${FAULT_KINDS.join(', ')}, or { kind, … }` })
export type Fault = z.infer<typeof Fault>

const milliseconds = z.number().min(0).max(3_600_000)

const Rule = z
  .strictObject({
    name: z.string().min(1).optional(),
    match: Match.default({}),
    /** How many conversations (of a fault: how many requests) this rule answers before it is used up. */
    times: z.int().min(1).optional(),
    reply: Blocks.optional(),
    /** One reply per turn of a conversation: turn 0 gets the first. */
    turns: z.array(Blocks).min(1).optional(),
    fault: Fault.optional(),
    stop_reason: z.enum(['end_turn', 'tool_use', 'max_tokens', 'stop_sequence', 'refusal', 'pause_turn']).optional(),
    usage: Usage.optional(),
    /** Headers of the answer, such as what the service says about the account's window. */
    headers: z.record(z.string().min(1), z.string()).default({}),
    /** Milliseconds before the first byte. */
    delay: milliseconds.default(0),
    /** Milliseconds between two events of the stream. */
    pace: milliseconds.default(0),
    /** Cut the connection after so many events. */
    cut: z.int().min(0).optional(),
    /** The script's state once this rule has answered (with `turns`: its last turn). */
    next: z.string().min(1).optional(),
  })
  .superRefine((rule, context) => {
    if ([rule.reply, rule.turns, rule.fault].filter((part) => part !== undefined).length !== 1) {
      context.addIssue({ code: 'custom', message: 'needs exactly one of reply, turns, fault' })
    }
    if (rule.turns && rule.match.turn !== undefined) context.addIssue({ code: 'custom', path: ['match', 'turn'], message: 'turns counts by itself; take match.turn away' })
    const known = new Set(['cwd', 'model', 'turn', 'prompt', 'result', ...captureNames(rule.match.prompt ?? [])])
    for (const name of placeholders(rule.reply ?? rule.turns ?? [])) {
      if (!known.has(name)) context.addIssue({ code: 'custom', path: [rule.reply ? 'reply' : 'turns'], message: `{{${name}}} is neither a group of match.prompt nor one of cwd, model, turn, prompt, result; write \\{{ for two plain braces` })
    }
  })
export type Rule = z.infer<typeof Rule>

const ScriptFile = z.strictObject({
  name: z.string().min(1).optional(),
  /** The state a scenario begins in. */
  state: z.string().min(1).default('start'),
  rules: z.array(Rule).min(1),
})

/** Checked rules; the first that matches answers. */
export type Script = { name: string; state: string; rules: Rule[] }

/** A script file cannot be used. Each problem names the file and the field. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

/** Checks a script that stands in code as data. @throws ScriptError */
export function defineScript(data: z.input<typeof ScriptFile>, name = 'script'): Script {
  return check(data, name)
}

/** Reads YAML (JSON is YAML too). `file` is how messages name it. @throws ScriptError */
export function parseScript(text: string, file: string): Script {
  let data: unknown
  try {
    data = Bun.YAML.parse(text)
  } catch (error) {
    throw new ScriptError(`${file}: is not YAML: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  return check(data, file)
}

function check(data: unknown, file: string): Script {
  const parsed = ScriptFile.safeParse(data)
  if (parsed.success) return { name: parsed.data.name ?? file, state: parsed.data.state, rules: parsed.data.rules }
  throw new ScriptError(parsed.error.issues.flatMap((issue) => problems(issue, file)).join('\n'))
}

function problems(issue: z.core.$ZodIssue, file: string): string[] {
  const path = issue.path.reduce<string>((so, part) => (typeof part === 'number' ? `${so}[${part}]` : so ? `${so}.${String(part)}` : String(part)), '')
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${file}: ${path ? `${path}.` : ''}${key}: unknown field`)
  return [`${file}: ${path || '(file)'}: ${issue.message}`]
}

/** `/…/flags` as a RegExp, other text as one that finds it literally; an Error when it is no valid expression. */
export function toRegExp(text: string): RegExp | Error {
  const given = /^\/([\s\S]+)\/([imsu]*)$/.exec(text)
  try {
    return given ? new RegExp(given[1] ?? '', given[2]) : new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  } catch (error) {
    return new Error(`is not a regular expression: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function captureNames(patterns: readonly string[]): string[] {
  return patterns.flatMap((text) => {
    const expression = toRegExp(text)
    if (expression instanceof Error) return []
    // An alternative with the empty string always matches, so its groups can be counted.
    const groups = new RegExp(`${expression.source}|`).exec('')
    return [...Object.keys(groups?.groups ?? {}), ...Array.from({ length: (groups?.length ?? 1) - 1 }, (_, index) => String(index + 1))]
  })
}
