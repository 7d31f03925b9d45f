import { exitCodes } from './exit-codes.ts'
import { COMMANDS, type Flag } from './flags.ts'

/** What follows a command's name on its line. */
const OPERANDS: Readonly<Record<string, string>> = { 'spec lint': ' FILE' }

const isWritten = (flag: string, spec: Flag): string => `--${flag}${spec.value ? ` ${spec.value}` : ''}`
const meaning = (spec: Flag): string => `${spec.help}${spec.fallback === undefined ? '' : ` (default: ${spec.fallback})`}`

/** What `--help` says. */
export function helpText(): string {
  const lines = ['Ralph works off a checklist with Claude Code until it is verified.', '', 'Usage: ralph <command> [flags]']
  for (const [name, { help, flags }] of Object.entries(COMMANDS)) {
    lines.push('', `ralph ${name}${OPERANDS[name] ?? ''}   ${help}`)
    for (const [flag, spec] of Object.entries<Flag>(flags)) lines.push(`${`  ${isWritten(flag, spec)}`.padEnd(28)}${meaning(spec)}`)
  }
  lines.push('', 'run, draft and verify write one JSON event a line to standard output, and readable text to standard error;', 'where both are one terminal, events go to .ai/ralph/events.jsonl alone. NO_COLOR and --plain take the colour away.', '', 'Exit codes')
  for (const { code, means } of exitCodes()) lines.push(`${`  ${code}`.padEnd(8)}${means}`)
  return `${lines.join('\n')}\n`
}

/** The commands and their flags as Markdown, for the README. */
export function flagTables(): string {
  return Object.entries(COMMANDS)
    .map(([name, { help, flags }]) => {
      const rows = Object.entries<Flag>(flags).map(([flag, spec]) => `| \`${isWritten(flag, spec)}\` | ${meaning(spec).replaceAll('|', '\\|')} |`)
      return [`### \`ralph ${name}${OPERANDS[name] ?? ''}\``, '', `${help.charAt(0).toUpperCase()}${help.slice(1)}.`, ...(rows.length === 0 ? [] : ['', '| flag | |', '|---|---|', ...rows])].join('\n')
    })
    .join('\n\n')
}

/** The exit codes as Markdown. */
export function exitTable(): string {
  return ['| code | meaning | what to do |', '|---|---|---|', ...exitCodes().map(({ code, means, next }) => `| ${code} | ${means} | ${next} |`)].join('\n')
}
