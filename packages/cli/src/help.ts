import type { Command } from './command.ts'
import { commands } from './commands/table.ts'
import { EXIT_WORDS } from './exit.ts'

const COMMON: readonly (readonly [string, string])[] = [
  ['--json', 'one JSON document on stdout; errors too, as {"error": …}'],
  ['--url URL', 'the orchestrator (FACTORY_URL, else http://127.0.0.1:3000)'],
  ['--token TOKEN', 'FACTORY_TOKEN, else the file token in DATA_DIR (.factory)'],
  ['-h, --help', 'this text'],
]

export function generalHelp(): string {
  return [
    'factory: label an issue, get a verified pull request.',
    '',
    'Usage: factory COMMAND [arguments] [options]',
    '',
    'Commands:',
    ...pairs(Object.entries(commands).map(([name, { summary }]) => [name, summary])),
    '',
    'Options of every command:',
    ...pairs(COMMON),
    '',
    'Exit codes:',
    ...pairs(EXIT_WORDS.map(([code, words]) => [String(code), words])),
    '',
    '`factory COMMAND --help` says more about one command.',
  ].join('\n')
}

export function commandHelp(name: string, command: Command): string {
  const options = Object.entries(command.options ?? {}).map(([option, config]): [string, string] => [
    `--${option}${config.type === 'string' ? ` ${option.toUpperCase().replaceAll('-', '_')}` : ''}`,
    command.optionHelp?.[option] ?? '',
  ])
  return [
    `Usage: ${command.usage}`,
    '',
    commands[name]?.summary ?? '',
    ...(command.details ? ['', command.details] : []),
    '',
    'Options:',
    ...pairs([...options, ...COMMON]),
    '',
    'Exit codes:',
    ...pairs(EXIT_WORDS.map(([code, words]) => [String(code), words])),
  ].join('\n')
}

function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}
