import { CheckResult, IntegrityFinding, MAX_EVENT_LINE_BYTES, NewLearning, RALPH_EVENT_VERSION, RalphEvent, Usage, VerifyReport, type RalphEventName } from '@factory/shared/ralph'
import { z } from 'zod'
import { exitTable } from '../cli/help.ts'
import { ENVELOPE, MEANINGS, SHAPES } from './meanings.ts'

/** As much of a JSON Schema as ours use. */
const Node: z.ZodType<Node> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    const: z.union([z.string(), z.number()]).optional(),
    enum: z.array(z.string()).optional(),
    format: z.string().optional(),
    anyOf: z.array(Node).optional(),
    oneOf: z.array(Node).optional(),
    items: Node.optional(),
    properties: z.record(z.string(), Node).optional(),
    required: z.array(z.string()).optional(),
  }),
)
type Node = { type?: string | string[] | undefined; const?: string | number | undefined; enum?: string[] | undefined; format?: string | undefined; anyOf?: Node[] | undefined; oneOf?: Node[] | undefined; items?: Node | undefined; properties?: Record<string, Node> | undefined; required?: string[] | undefined }

const describe = (schema: z.ZodType): Node => Node.parse(z.toJSONSchema(schema))
const shapes = { Usage, NewLearning, VerifyReport, CheckResult, IntegrityFinding }
const namesOf = (node: Node): string => Object.keys(node.properties ?? {}).sort().join()
/** Shapes are known by the names of their fields. */
const byFields = new Map(Object.entries(shapes).map(([name, schema]) => [namesOf(describe(schema)), name]))

/** The type of a field, as people write it. */
function typeOf(node: Node): string {
  const choices = node.anyOf ?? node.oneOf
  if (choices) return choices.map(typeOf).join(' | ')
  if (node.const !== undefined) return JSON.stringify(node.const)
  if (node.enum) return node.enum.map((word) => JSON.stringify(word)).join(' | ')
  if (node.type === 'array') {
    const items = typeOf(node.items ?? {})
    return items.includes(' | ') ? `(${items})[]` : `${items}[]`
  }
  if (node.type === 'object') {
    const known = byFields.get(namesOf(node))
    if (known) return known
    return `{ ${Object.entries(node.properties ?? {}).map(([name, field]) => `${name}: ${typeOf(field)}`).join(', ')} }`
  }
  const types = Array.isArray(node.type) ? node.type : [node.type ?? 'anything']
  return types.map((type) => (type === 'string' && node.format === 'date-time' ? 'time' : type)).join(' | ')
}

/** A table of fields. A field without a meaning is a mistake. */
function table(where: string, node: Node, meanings: Readonly<Record<string, string>>): string[] {
  const rows = Object.entries(node.properties ?? {})
    .filter(([name]) => meanings !== ENVELOPE ? !Object.hasOwn(ENVELOPE, name) : Object.hasOwn(ENVELOPE, name))
    .map(([name, field]) => {
      const meaning = meanings[name]
      if (meaning === undefined) throw new Error(`events/meanings.ts says nothing of ${where}.${name}`)
      return `| \`${name}\`${node.required?.includes(name) === false ? ' (optional)' : ''} | \`${typeOf(field).replaceAll('|', '\\|')}\` | ${meaning.replaceAll('|', '\\|')} |`
    })
  return ['| field | type | meaning |', '|---|---|---|', ...rows]
}

/**
 * docs/ralph-events.md: the event contract in words, made of the schemas and of what stands beside
 * them. Every example is checked by its schema.
 */
export function eventReference(): string {
  const events = describe(RalphEvent).oneOf ?? []
  const lines = [
    '# Events of Ralph',
    '',
    '<!-- Made by "bun run docs" of the schemas in packages/shared/src/ralph-events.ts and of packages/ralph/src/events/meanings.ts: edit those. -->',
    '',
    `\`ralph run\`, \`ralph draft\` and \`ralph verify\` write one JSON object a line to standard output, and nothing else there; the same lines are appended to \`.ai/ralph/events.jsonl\`. This is version ${RALPH_EVENT_VERSION} of the contract.`,
    '',
    '## What a reader can rely on',
    '',
    `- A line has at most ${MAX_EVENT_LINE_BYTES} bytes, its newline included. Where an event would be longer, its texts are cut from the front, the longest first, to end with what stood at their end; an "…" shows it.`,
    '- `seq` has no gaps and goes on over all processes of one run. Drop repeats by `(run, seq)`.',
    '- `run.finished` comes last, exactly once in a process. An end of file without it is a crash; the run can go on.',
    '- A heartbeat comes every 15 seconds. Longer silence than a minute is a process that hangs or is gone.',
    '- Ignore events and fields that you do not know: they may be added within a version. None is taken away.',
    '- Texts come from an agent and a repository. Never parse them, and take control characters out before you show them.',
    '- An event is in the file before it is on standard output. `iteration.finished`, `verify.finished`, `task.completed`, `task.reopened` and `run.finished` are on the disk by then; others are synced right after, so that a power cut (not a killed process) can lose the last of them. Their numbers are then given again.',
    '- A file that takes no more lines ends the run with 20 and the reason; standard output still gets every event.',
    '- Where standard output and standard error are one terminal, a person is looking: events then go to the file alone.',
    '',
    '## Every event',
    '',
    ...table('envelope', envelopeOf(events[0] ?? {}), ENVELOPE),
    '',
    '`time` is a text in ISO 8601, UTC.',
  ]
  let seq = 0
  for (const node of events) {
    const name = nameOf(node)
    const { when, fields, example } = MEANINGS[name]
    seq += 1
    const whole = RalphEvent.parse({ v: RALPH_EVENT_VERSION, seq, ts: `2026-01-01T10:00:${String(seq).padStart(2, '0')}.000Z`, run: 'r-1a2b3c4d', ...example })
    lines.push('', `## \`${name}\``, '', when, '', ...table(name, node, fields), '', '```json', JSON.stringify(whole), '```')
  }
  lines.push('', '# Shapes')
  for (const [name, schema] of Object.entries(shapes)) lines.push('', `## ${name}`, '', ...table(name, describe(schema), SHAPES[name] ?? {}))
  lines.push('', '# Exit codes', '', exitTable())
  return `${lines.join('\n')}\n`
}

/** The first event's own name is none of the envelope's. */
const envelopeOf = (node: Node): Node => ({ ...node, properties: { ...node.properties, event: { type: 'string' } } })

function nameOf(node: Node): RalphEventName {
  const found = RalphEvent.options.map((option) => option.shape.event.value).find((name) => name === node.properties?.event?.const)
  if (!found) throw new Error('an event without a name')
  return found
}
