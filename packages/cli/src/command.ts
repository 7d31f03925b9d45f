import type { Client } from '@factory/orchestrator/client'
import type { ParseArgsConfig } from 'node:util'
import type { CliConfig } from './config.ts'
import type { ExitCode } from './exit.ts'
import type { Style } from './terminal/style.ts'

/** The outside as a command sees it. `env` is for commands that start or check services. */
export type Io = {
  out(text: string): void
  err(text: string): void
  stdin(): Promise<string>
  env: Record<string, string | undefined>
  cwd: string
  /** Columns to fit in. */
  width: number
  colour: boolean
  now(): number
  /** Ends with Ctrl-C. */
  signal: AbortSignal
}

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

export type Context = {
  io: Io
  config: CliConfig
  values: Values
  positionals: string[]
  json: boolean
  style: Style
  /** The typed API. @throws FactoryError `unauthorized` when there is no token to call with. */
  client(): Promise<Client>
}

/** What to print: `json` with --json, `text` without. A command that printed by itself leaves both out. */
export type Outcome = { exit?: ExitCode; json?: unknown; text?: string }

export type Command = {
  /** "factory work show ID". */
  usage: string
  /** More than the summary, for --help. */
  details?: string
  options?: NonNullable<ParseArgsConfig['options']>
  /** One line for each option of `options`. */
  optionHelp?: Record<string, string>
  /** How many words may follow the command's name. */
  positionals: { min: number; max: number }
  run(context: Context): Promise<Outcome>
}
