import { ConfigError, envInt, envList, envNumber, envUrl, parseEnv, RepoName } from '@factory/shared'
import { z } from 'zod'

const word = (what: string) => z.string().describe(what)
const port = (fallback: number) => envInt(0, 65_535, fallback)

/** The variables a person sets (`.env.example`), as the services read them, as far as doctor looks at them. */
const DoctorSchema = z.object({
  GITHUB_TOKEN: word('a personal access token of GitHub').optional(),
  GITHUB_APP_ID: z.string().regex(/^\d+$/, 'must be the number of the App').describe('the id of a GitHub App').optional(),
  GITHUB_APP_PRIVATE_KEY: word('the private key of the GitHub App, PEM').optional(),
  GITHUB_API_URL: envUrl('https://api.github.com').default('https://api.github.com'),
  REPOS: envList.pipe(z.array(RepoName)).describe('repositories as owner/name, separated by commas').optional(),
  MAX_WORKERS: envInt(1, 1000, 2),
  DAILY_BUDGET: envInt(0, 1_000_000, 200),
  COOLDOWN_SECONDS: envInt(0, 86_400, 60),
  INTAKE_LABEL: z.string().max(39).default('ai-factory').describe('a label of at most 39 characters'),
  POLL_INTERVAL: envInt(1000, 86_400_000, 60_000),
  MAX_COST_USD: envNumber(0.01, 10_000, 10),
  DATABASE_URL: envUrl('postgres://factory@localhost/factory', /^postgres(ql)?$/).optional(),
  REDIS_URL: envUrl('redis://localhost:6379', /^rediss?$/).optional(),
  ANTHROPIC_API_KEY: word('a key of the Anthropic API').optional(),
  CLAUDE_CODE_OAUTH_TOKEN: word('the token that `claude setup-token` prints').optional(),
  OPENAI_API_KEY: word('a key of an OpenAI-compatible service').optional(),
  OPENAI_BASE_URL: envUrl('https://api.openai.com/v1').optional(),
  FACTORY_TOKEN: z.string().min(16, 'must have at least 16 characters').describe('a long random word, or leave it out and one is made').optional(),
  WORKER_RUNTIME: z.enum(['docker', 'process'], 'must be docker or process').describe('docker or process; left out: docker when an engine answers').optional(),
  WORKER_IMAGE: z.string().default('factory-worker:latest').describe('the name of an image'),
  DOCKER_HOST: word('unix:///var/run/docker.sock or tcp://host:port').optional(),
  CLAUDE_BIN: word('the path of the claude binary').optional(),
  DATA_DIR: z.string().default('.factory').describe('a directory that the factory may write to'),
  ORCHESTRATOR_PORT: port(3000),
  DASHBOARD_PORT: port(3001),
  GATEWAY_PORT: port(3002),
  INTAKE_PORT: port(3003),
  ORCHESTRATOR_URL: envUrl('http://127.0.0.1:3000').optional(),
  DASHBOARD_URL: envUrl('http://127.0.0.1:3001').optional(),
  GATEWAY_URL: envUrl('http://127.0.0.1:3002').optional(),
})
export const doctorVariables: readonly string[] = Object.keys(DoctorSchema.shape)
export type DoctorEnv = z.infer<typeof DoctorSchema>

/** Reads what can be read: a variable with a problem counts as not set, and its problem is given back. */
export function readEnvironment(raw: Record<string, string | undefined>): { env: DoctorEnv; problems: string[] } {
  try {
    return { env: parseEnv(DoctorSchema, raw), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const bad = new Set(error.problems.map((line) => line.split(' ')[0] ?? ''))
    return { env: parseEnv(DoctorSchema, Object.fromEntries(Object.entries(raw).filter(([name]) => !bad.has(name)))), problems: error.problems }
  }
}

/** Lines of a `.env` file that are neither empty, a comment nor NAME=value; they are passed over in silence otherwise. */
export function unreadableLines(text: string): number[] {
  const bad: number[] = []
  let open: string | null = null
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (open !== null) {
      if (line.includes(open)) open = null
      continue
    }
    if (/^\s*(#.*)?$/.test(line)) continue
    const match = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(.*)$/.exec(line)
    if (!match) {
      bad.push(index + 1)
      continue
    }
    const quote = /^(["'`])/.exec(match[1] ?? '')?.[1]
    if (quote && !(match[1] ?? '').slice(1).includes(quote)) open = quote
  }
  return bad
}
