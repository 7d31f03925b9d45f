import type { CliConfig } from '../config.ts'
import type { DoctorEnv } from './environment.ts'

/** What the checks look at. A variable that does not parse stands in `env` with its default, and is a finding of its own. */
export type Examined = {
  env: DoctorEnv
  raw: Record<string, string | undefined>
  config: CliConfig
  cwd: string
  token: string | null
}

/** Every look at the outside ends by this. */
export const CHECK_MS = 8_000

/** Less is enough for what runs on this machine. */
export const LOCAL_MS = 3_000

export function limit(ms: number = CHECK_MS): AbortSignal {
  return AbortSignal.timeout(ms)
}

export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'TimeoutError' ? 'no answer in time' : error.message
}
