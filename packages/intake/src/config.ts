import { githubEnv, githubEnvProblems } from '@factory/github'
import { ConfigError, envInt, envList, envUrl, parseEnv, RepoName } from '@factory/shared'
import { z } from 'zod'

/** GitHub allows 50 characters, and `:needs-info` has to fit behind it. */
const MAX_LABEL = 39

const schema = z.object({
  ...githubEnv,
  REPOS: envList.pipe(z.array(RepoName).min(1, 'must name at least one repository').max(500)).describe('repositories as owner/name, separated by commas'),
  INTAKE_LABEL: z.string().max(MAX_LABEL).regex(/^[^,]+$/, 'must not contain a comma').default('ai-factory').describe(`a label of at most ${MAX_LABEL} characters`),
  POLL_INTERVAL: envInt(1000, 86_400_000, 60_000).describe('milliseconds between two polls, from 1000 to 86400000'),
  INTAKE_AUTHORS: envList.pipe(z.array(z.string()).min(1, 'must not be empty')).default(['OWNER', 'MEMBER', 'COLLABORATOR']).describe('associations (OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE) and logins, or * for everybody'),
  INTAKE_PORT: envInt(0, 65_535, 3003),
  INTAKE_HOST: z.string().min(1).default('127.0.0.1').describe('the address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  WEBHOOK_SECRET: z.string().min(8, 'must have at least 8 characters').optional().describe('the secret that you gave GitHub for the webhook'),
  ORCHESTRATOR_URL: envUrl('http://127.0.0.1:3000').default('http://127.0.0.1:3000'),
  FACTORY_TOKEN: z.string().min(1).describe('the token of the orchestrator'),
  DASHBOARD_URL: envUrl('http://127.0.0.1:3001').optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').describe('debug, info, warn or error'),
})

export type Config = z.infer<typeof schema>

export const configVariables: readonly string[] = Object.keys(schema.shape)

/** @throws ConfigError with one line per variable that is missing or wrong */
export function readConfig(env: Record<string, string | undefined>): Config {
  const config = parseEnv(schema, env)
  const problems = githubEnvProblems(config)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}
