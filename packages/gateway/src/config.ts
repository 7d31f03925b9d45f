import { githubCredential, githubEnv, githubEnvProblems, type GithubCredential } from '@factory/github'
import { ConfigError, envInt, envList, envUrl, parseEnv } from '@factory/shared'
import { z } from 'zod'
import { parseAllow, type AllowRule } from './egress/allow.ts'

const schema = z.object({
  GATEWAY_PORT: envInt(0, 65_535, 3002),
  GATEWAY_HOST: z.string().default('127.0.0.1').describe('an address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  GATEWAY_SOCKET: z.string().startsWith('/', 'must be an absolute path').max(100, 'is longer than a unix socket path may be').optional().describe('a path such as /run/factory/gateway.sock'),
  ORCHESTRATOR_URL: envUrl('http://127.0.0.1:3000').default('http://127.0.0.1:3000'),
  FACTORY_TOKEN: z.string('it is required').min(16, 'must have at least 16 characters').describe('the same token as the orchestrator'),
  ANTHROPIC_BASE_URL: envUrl('https://api.anthropic.com').default('https://api.anthropic.com'),
  ANTHROPIC_API_KEY: z.string().optional().describe('a key of the Anthropic API'),
  CLAUDE_CODE_OAUTH_TOKEN: z.string().optional().describe('what `claude setup-token` printed'),
  MODELS_ALLOW: envList.optional(),
  ...githubEnv,
  EGRESS_ALLOW: envList.optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'is no level').default('info').describe('trace, debug, info, warn, error, fatal or silent'),
})

/** What the gateway puts into a model request in place of the run's token. */
export type ModelCredential = { kind: 'api-key'; key: string } | { kind: 'oauth'; token: string }

export type GatewayConfig = {
  host: string
  port: number
  /** Unix socket that is listened on besides the port. */
  socket: string | null
  orchestratorUrl: string
  factoryToken: string
  modelUrl: string
  modelCredential: ModelCredential
  /** Empty: any model. */
  modelsAllow: readonly string[]
  githubUrl: string
  githubApiUrl: string
  github: Exclude<GithubCredential, { kind: 'none' }>
  egressAllow: readonly AllowRule[]
  logLevel: string
}

/** @throws ConfigError */
export function parseConfig(env: Record<string, string | undefined>): GatewayConfig {
  const given = parseEnv(schema, env)
  const problems: string[] = []
  const modelCredential: ModelCredential | null = given.ANTHROPIC_API_KEY
    ? { kind: 'api-key', key: given.ANTHROPIC_API_KEY }
    : given.CLAUDE_CODE_OAUTH_TOKEN
      ? { kind: 'oauth', token: given.CLAUDE_CODE_OAUTH_TOKEN }
      : null
  if (!modelCredential) problems.push('ANTHROPIC_API_KEY is not set, and neither is CLAUDE_CODE_OAUTH_TOKEN: one of them is needed. Set ANTHROPIC_API_KEY to a key of the Anthropic API, or CLAUDE_CODE_OAUTH_TOKEN to what `claude setup-token` prints.')
  const github = githubCredential(given)
  problems.push(...githubEnvProblems(given))
  const egress = parseAllow(given.EGRESS_ALLOW ?? [])
  problems.push(...egress.problems.map((problem) => `EGRESS_ALLOW ${problem}. Set it to hosts separated by commas, such as *.example.com,10.0.0.7:8080.`))
  if (!modelCredential || github.kind === 'none' || problems.length > 0) throw new ConfigError(problems)
  return {
    host: given.GATEWAY_HOST,
    port: given.GATEWAY_PORT,
    socket: given.GATEWAY_SOCKET ?? null,
    orchestratorUrl: given.ORCHESTRATOR_URL,
    factoryToken: given.FACTORY_TOKEN,
    modelUrl: given.ANTHROPIC_BASE_URL,
    modelCredential,
    modelsAllow: given.MODELS_ALLOW ?? [],
    githubUrl: given.GITHUB_URL,
    githubApiUrl: given.GITHUB_API_URL,
    github,
    egressAllow: egress.rules,
    logLevel: given.LOG_LEVEL,
  }
}
