import { parseArgs } from 'node:util'

/** The command line cannot be understood; the message names the flag. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

type Kind = 'text' | 'list' | 'number' | 'switch'
export type Flag = { kind: Kind; help: string; fallback?: number; value?: string; least?: number; most?: number }

const AGENT_FLAGS = {
  model: { kind: 'text', value: 'M', help: "the model; without it the agent's default" },
  'max-cost-usd': { kind: 'number', value: 'USD', fallback: 10, least: 0.01, most: 10_000, help: 'money for the whole run' },
  'max-minutes': { kind: 'number', value: 'N', fallback: 120, least: 0.01, most: 10_000, help: 'time for the whole run' },
  'iteration-minutes': { kind: 'number', value: 'N', fallback: 30, least: 0.01, most: 1440, help: 'time for one iteration' },
  previous: { kind: 'text', value: 'FILE', help: 'how an earlier attempt ended, for the prompt' },
  claude: { kind: 'text', value: 'PATH', help: 'the claude binary; else CLAUDE_BIN, the npm package, the PATH' },
} as const satisfies Record<string, Flag>

const COMMON_FLAGS = {
  dir: { kind: 'text', value: 'DIR', help: 'the checkout (default: here)' },
  run: { kind: 'text', value: 'ID', help: 'name of the run in events; the same name goes on where it was left' },
  quiet: { kind: 'switch', help: 'say only how it ended' },
  plain: { kind: 'switch', help: 'no colour' },
} as const satisfies Record<string, Flag>

const CHECK_FLAGS = {
  setup: { kind: 'list', value: 'CMD', help: 'run in each clean checkout before the checks; repeatable' },
  verify: { kind: 'list', value: 'CMD', help: "a check that may fail only as it failed before; repeatable; wins over the spec's own" },
  require: { kind: 'list', value: 'CMD', help: 'a check that must succeed at the end, whatever it did before; repeatable' },
  'verify-minutes': { kind: 'number', value: 'N', fallback: 15, least: 0.01, most: 1440, help: 'time for the checks of one commit, and again for its setup' },
  'no-verify-ok': { kind: 'switch', help: 'without any check the diff alone counts' },
} as const satisfies Record<string, Flag>

/** Every command with its flags: parsed, printed and documented from here. */
export const COMMANDS = {
  run: {
    help: 'work off a spec until it is verified',
    flags: {
      spec: { kind: 'text', value: 'FILE', help: 'the checklist, in the checkout unless absolute (default: SPEC.md)' },
      base: { kind: 'text', value: 'SHA', help: 'what the work is compared with (default: HEAD at the start)' },
      'max-iterations': { kind: 'number', value: 'N', fallback: 25, least: 1, most: 1000, help: 'iterations of the whole run' },
      'checks-at-end': { kind: 'switch', help: 'run the checks when all boxes are ticked, not after each iteration' },
      learnings: { kind: 'text', value: 'FILE', help: 'what was learned before, for the prompt' },
      'before-edit': { kind: 'text', value: 'CMD', help: "asked for each file's lock, its path as $1: exit 0 ours, 1 not ours" },
      'mcp-config': { kind: 'text', value: 'FILE', help: 'MCP servers the agent may use, as JSON; the repository\'s own are never started' },
      'dry-run': { kind: 'switch', help: 'print the plan and the next prompt; run nothing, write nothing' },
      json: { kind: 'switch', help: 'with --dry-run: one JSON object' },
      ...AGENT_FLAGS,
      ...CHECK_FLAGS,
      ...COMMON_FLAGS,
    },
  },
  draft: {
    help: 'write a spec for a request',
    flags: {
      request: { kind: 'text', value: 'FILE', help: 'what is asked for (required)' },
      out: { kind: 'text', value: 'FILE', help: 'the spec to write, in the checkout unless absolute (default: SPEC.md)' },
      'max-iterations': { kind: 'number', value: 'N', fallback: 3, least: 1, most: 1000, help: 'tries, three at most' },
      ...AGENT_FLAGS,
      ...COMMON_FLAGS,
    },
  },
  verify: {
    help: 'compare two commits in a clean room',
    flags: {
      base: { kind: 'text', value: 'SHA', help: 'the commit before the work (required)' },
      head: { kind: 'text', value: 'SHA', help: 'the commit with the work (required)' },
      spec: { kind: 'text', value: 'FILE', help: 'the spec of the work: what it asks for by name does not block' },
      ...CHECK_FLAGS,
      ...COMMON_FLAGS,
    },
  },
  status: { help: 'what is happening here', flags: { dir: COMMON_FLAGS.dir, json: { kind: 'switch', help: 'one JSON object' } } },
  'managed-settings': {
    help: 'settings that let every edit of Claude Code in an image ask first',
    flags: { install: { kind: 'switch', help: 'write them where Claude Code looks, as root' }, force: { kind: 'switch', help: 'also over settings of somebody else' } },
  },
  'spec lint': { help: 'say what is wrong with a spec', flags: { json: { kind: 'switch', help: 'one JSON object' } } },
} as const satisfies Record<string, { help: string; flags: Record<string, Flag> }>

type CommandName = keyof typeof COMMANDS
type ValueOf<F> = F extends { kind: 'text' } ? string | null : F extends { kind: 'list' } ? string[] : F extends { kind: 'number' } ? number : boolean
export type Flags<N extends CommandName> = { -readonly [K in keyof (typeof COMMANDS)[N]['flags']]: ValueOf<(typeof COMMANDS)[N]['flags'][K]> }
export type Given = { [N in CommandName]: { command: N; flags: Flags<N>; rest: string[] } }[CommandName]

/**
 * Reads a command line.
 * @throws UsageError
 */
export function readCommand(argv: readonly string[]): Given {
  const [first, second] = argv
  switch (first) {
    case 'run':
      return { command: first, ...readFlags(first, argv.slice(1)) }
    case 'draft':
      return { command: first, ...readFlags(first, argv.slice(1)) }
    case 'verify':
      return { command: first, ...readFlags(first, argv.slice(1)) }
    case 'status':
      return { command: first, ...readFlags(first, argv.slice(1)) }
    case 'managed-settings':
      return { command: first, ...readFlags(first, argv.slice(1)) }
    case 'spec': {
      if (second !== 'lint') throw new UsageError(`ralph spec ${second ?? ''}: the command is "ralph spec lint FILE"`)
      return { command: 'spec lint', ...readFlags('spec lint', argv.slice(2)) }
    }
    default:
      throw new UsageError(first === undefined ? 'say what to do: run, draft, verify, status, spec lint or managed-settings' : `unknown command ${JSON.stringify(first)}: run, draft, verify, status, spec lint or managed-settings`)
  }
}

type Value = string | string[] | number | boolean | null

function readFlags<N extends CommandName>(command: N, argv: string[]): { flags: Flags<N>; rest: string[] } {
  const specs: Record<string, Flag> = COMMANDS[command].flags
  const { values, positionals } = parse(specs, argv, command === 'spec lint')
  const flags: Record<string, Value> = {}
  for (const [name, spec] of Object.entries(specs)) flags[name] = valueOf(name, spec, values[name])
  // The loop above made exactly the fields the table names, each of the kind it names.
  return { flags: flags as Flags<N>, rest: positionals }
}

function parse(specs: Record<string, Flag>, args: string[], allowPositionals: boolean) {
  const options = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { type: spec.kind === 'switch' ? ('boolean' as const) : ('string' as const), multiple: spec.kind === 'list' }]))
  try {
    return parseArgs({ args, options, allowPositionals, strict: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error), { cause: error })
  }
}

function valueOf(name: string, spec: Flag, given: unknown): Value {
  switch (spec.kind) {
    case 'switch':
      return given === true
    case 'list':
      return Array.isArray(given) ? given.map(String).filter((text) => text.trim() !== '') : []
    case 'text':
      return typeof given === 'string' && given !== '' ? given : null
    case 'number': {
      if (typeof given !== 'string') return spec.fallback ?? 0
      const value = Number(given)
      if (given.trim() === '' || !Number.isFinite(value) || value < (spec.least ?? 0) || value > (spec.most ?? Infinity)) throw new UsageError(`--${name} ${JSON.stringify(given)} must be a number from ${spec.least} to ${spec.most}`)
      if (name === 'max-iterations' && !Number.isInteger(value)) throw new UsageError(`--${name} ${JSON.stringify(given)} must be a whole number`)
      return value
    }
  }
}
