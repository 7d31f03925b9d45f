import { envList, parseEnv } from '@factory/shared/ralph'
import { z } from 'zod'

const text = z.string().optional()

/** Where programs are looked for when nobody said. */
export const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

const Environment = z.object({
  PATH: z.string().default(DEFAULT_PATH).describe('a search path'),
  LANG: z.string().default('C.UTF-8').describe('a locale'),
  TMPDIR: z.string().default('/tmp').describe('a directory for temporary files'),
  HOME: text.describe("the user's home, for git's settings about line ends and ignored files"),
  XDG_CONFIG_HOME: text,
  CLAUDE_BIN: text.describe('the path of the claude binary'),
  IS_SANDBOX: text,
  ANTHROPIC_BASE_URL: text,
  ANTHROPIC_API_KEY: text,
  ANTHROPIC_AUTH_TOKEN: text,
  CLAUDE_CODE_OAUTH_TOKEN: text,
  NODE_EXTRA_CA_CERTS: text,
  SSL_CERT_FILE: text,
  HTTP_PROXY: text,
  HTTPS_PROXY: text,
  NO_PROXY: text,
  http_proxy: text,
  https_proxy: text,
  no_proxy: text,
  RALPH_RUN_MARKER: text,
  RALPH_ENV: envList.optional().describe('names of further variables that commands and the agent may see, separated by commas'),
})

export type RalphEnvironment = {
  claudeBin: string | null
  path: string
  /** Where the user's own settings of git are found. */
  home: { HOME?: string; XDG_CONFIG_HOME?: string }
  /** For setup and verify commands: no credential among them. */
  command: Record<string, string>
  /** For the agent: the same and the model's credential. */
  agent: Record<string, string>
}

/** Settings of the CLI that make an iteration repeatable and bounded. */
const AGENT_SETTINGS = {
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  CLAUDE_CODE_MAX_RETRIES: '3',
  // Until an answer begins, not until it ends: one that streams may take an iteration's whole time. Short
  // enough that an endpoint that never answers is reported as an outage, not ended as a silent agent.
  API_TIMEOUT_MS: '300000',
}

const CREDENTIALS = ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'] as const
const NETWORK = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'] as const
/** Set when an agent of another Ralph started us: ours must be ended with it. */
const OUTER = ['RALPH_RUN_MARKER'] as const

/**
 * What of the environment reaches the processes Ralph starts: an allow-list, nothing else.
 * @throws ConfigError
 */
export function readEnvironment(env: Record<string, string | undefined>, root = process.getuid?.() === 0): RalphEnvironment {
  const given = parseEnv(Environment, env)
  const pick = (names: readonly (typeof NETWORK | typeof CREDENTIALS | typeof OUTER)[number][]): Record<string, string> => {
    const picked: Record<string, string> = {}
    for (const name of names) {
      const value = given[name]
      if (value !== undefined) picked[name] = value
    }
    return picked
  }
  const further = (given.RALPH_ENV ?? []).filter((name) => env[name] !== undefined && !Object.hasOwn(Environment.shape, name))
  const command = { ...Object.fromEntries(further.map((name) => [name, env[name] ?? ''])), PATH: given.PATH, LANG: given.LANG, TMPDIR: given.TMPDIR, ...pick(NETWORK), ...pick(OUTER) }
  return {
    claudeBin: given.CLAUDE_BIN ?? null,
    path: given.PATH,
    home: { ...(given.HOME ? { HOME: given.HOME } : {}), ...(given.XDG_CONFIG_HOME ? { XDG_CONFIG_HOME: given.XDG_CONFIG_HOME } : {}) },
    command: { ...command, CI: 'true', TERM: 'dumb' },
    // Claude refuses --dangerously-skip-permissions to root unless it is told that this is a sandbox.
    agent: { ...command, ...pick(CREDENTIALS), ...(root || given.IS_SANDBOX ? { IS_SANDBOX: given.IS_SANDBOX ?? '1' } : {}), ...AGENT_SETTINGS },
  }
}
