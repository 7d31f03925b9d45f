import { ConfigError, FactoryError, type ErrorBody } from '@factory/shared'
import { parseArgs } from 'node:util'
import type { Command, Context, Io, Values } from './command.ts'
import { commands } from './commands/table.ts'
import { readConfig, type CliConfig } from './config.ts'
import { connect } from './connect.ts'
import { EXIT, EXIT_OF, UsageError, type ExitCode } from './exit.ts'
import { commandHelp, generalHelp } from './help.ts'
import { createStyle } from './terminal/style.ts'
import { visible } from './terminal/visible.ts'

/** Runs one command line. Prints, and returns the exit code; throws for nothing but defects. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  // Known before anything is parsed, so that a wrong command line is answered as JSON too.
  const json = args.includes('--json')
  try {
    return await dispatch(args, io, json)
  } catch (error) {
    return report(error, io, json)
  }
}

async function dispatch(args: readonly string[], io: Io, json: boolean): Promise<ExitCode> {
  const { name, rest } = findCommand(args)
  if (name === null) {
    const asked = rest.find((word) => !word.startsWith('-'))
    if (asked !== undefined && asked !== 'help') throw new UsageError(unknownCommand(rest.filter((word) => !word.startsWith('-'))))
    const wantsHelp = rest.some((word) => word === '--help' || word === '-h' || word === 'help')
    if (json) print(io, JSON.stringify({ commands: Object.entries(commands).map(([command, { summary }]) => ({ command, summary })) }))
    else (wantsHelp ? io.out : io.err)(`${generalHelp()}\n`)
    return wantsHelp ? EXIT.ok : EXIT.usage
  }
  const { command } = await loadCommand(name)
  const { values, positionals } = parse(command, rest)
  if (values['help'] === true) {
    print(io, json ? JSON.stringify({ command: name, help: commandHelp(name, command) }) : commandHelp(name, command))
    return EXIT.ok
  }
  if (positionals.length < command.positionals.min || positionals.length > command.positionals.max) throw new UsageError(`usage: ${command.usage}`)
  const config = configFrom(values, io)
  const context: Context = { io, config, values, positionals, json, style: createStyle(io.colour && !config.noColor), client: () => connect(config, io.cwd) }
  const outcome = await command.run(context)
  if (json && outcome.json !== undefined) print(io, JSON.stringify(outcome.json))
  else if (!json && outcome.text !== undefined) print(io, outcome.text)
  return outcome.exit ?? EXIT.ok
}

/** The longest run of leading words that is a command. */
function findCommand(args: readonly string[]): { name: string | null; rest: string[] } {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(' ')
    if (args.length >= length && Object.hasOwn(commands, name)) return { name, rest: args.slice(length) }
  }
  return { name: null, rest: [...args] }
}

function unknownCommand(words: string[]): string {
  const family = Object.keys(commands).filter((name) => name.startsWith(`${words[0]} `))
  return `there is no command "${words.join(' ')}"; ${family.length > 0 ? `there are: ${family.join(', ')}` : 'see factory --help'}`
}

function loadCommand(name: string): Promise<{ command: Command }> {
  const entry = commands[name]
  if (!entry) throw new UsageError(unknownCommand([name]))
  return entry.load()
}

function parse(command: Command, rest: string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({
      args: rest,
      allowPositionals: true,
      options: { ...command.options, json: { type: 'boolean' }, url: { type: 'string' }, token: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\nusage: ${command.usage}`)
  }
}

/** Options win over the environment, and are checked the same way. */
function configFrom(values: Values, io: Io): CliConfig {
  const given = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
  return readConfig({ ...io.env, FACTORY_URL: given('url') ?? io.env['FACTORY_URL'], FACTORY_TOKEN: given('token') ?? io.env['FACTORY_TOKEN'] })
}

function report(error: unknown, io: Io, json: boolean): ExitCode {
  const { body, exit } = explain(error)
  if (json) print(io, JSON.stringify(body))
  else {
    const details = body.error.details
      .filter((detail) => !body.error.message.includes(detail.problem))
      .map((detail) => `\n  ${detail.path}: ${detail.problem}`).join('')
    const hint = exit === EXIT.unreachable ? '\nIs it running? Start it with `factory up`; `factory doctor` tells what is wrong.' : ''
    io.err(`factory: ${visible(body.error.message + details + hint)}\n`)
  }
  return exit
}

function explain(error: unknown): { body: ErrorBody; exit: ExitCode } {
  if (error instanceof FactoryError) return { body: error.toBody(), exit: EXIT_OF[error.code] }
  if (error instanceof UsageError || error instanceof ConfigError) return { body: new FactoryError('bad_request', error.message).toBody(), exit: EXIT.usage }
  if (error instanceof Error && error.name === 'ZodError') {
    return { body: new FactoryError('internal', 'the orchestrator answered something this program does not understand; are both of the same version?').toBody(), exit: EXIT.failed }
  }
  return { body: new FactoryError('internal', error instanceof Error ? error.message : String(error)).toBody(), exit: EXIT.failed }
}

function print(io: Io, text: string): void {
  io.out(text.endsWith('\n') ? text : `${text}\n`)
}
