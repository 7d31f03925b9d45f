import { envInt, envNumber, envUrl, LEASE_SECONDS, parseEnv, ConfigError } from '@factory/shared'
import { githubEnv, githubEnvProblems } from '@factory/github'
import { z } from 'zod'

const ConfigSchema = z.object({
  ...githubEnv,
  ORCHESTRATOR_PORT: envInt(0, 65_535, 3000),
  ORCHESTRATOR_HOST: z.string().default('127.0.0.1').describe('an address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  GATEWAY_URL: envUrl('http://127.0.0.1:3002').default('http://127.0.0.1:3002'),
  GATEWAY_SOCKET: z.string().optional().describe('the path of the unix socket that the gateway listens on'),
  DATA_DIR: z.string().default('.factory').describe('a directory that the factory may write to'),
  DATABASE_URL: envUrl('postgres://factory@localhost/factory', /^postgres(ql)?$/).optional(),
  REDIS_URL: envUrl('redis://localhost:6379', /^rediss?$/).optional(),
  FACTORY_TOKEN: z.string().min(16, 'must have at least 16 characters').optional().describe('a long random word, or leave it out and one is made'),
  MAX_WORKERS: envInt(1, 1000, 2),
  /** Workers of one repository at a time; 0: as many as there are workers. */
  MAX_WORKERS_PER_REPO: envInt(0, 1000, 0),
  DAILY_BUDGET: envInt(0, 1_000_000, 200),
  COOLDOWN_SECONDS: envInt(0, 86_400, 60),
  MAX_ATTEMPTS: envInt(1, 100, 3),
  /** Runs of one item lost to infrastructure before it fails. */
  MAX_LOSSES: envInt(0, 1000, 10),
  RETRY_BACKOFF_SECONDS: envNumber(0, 86_400, 60),
  LEASE_SECONDS: envInt(3, 3600, LEASE_SECONDS),
  /** How long an orchestrator that is gone keeps the lead. */
  LEADER_SECONDS: envNumber(0.5, 300, 5),
  MODEL: z.string().min(1).max(100).default('claude-sonnet-4-5').describe('the name of a model'),
  MAX_ITERATIONS: envInt(1, 1000, 25),
  MAX_COST_USD: envNumber(0.01, 10_000, 10),
  MAX_MINUTES: envNumber(1, 10_000, 120),
  ITERATION_MINUTES: envNumber(1, 1440, 30),
  SETUP_MINUTES: envNumber(1, 1440, 10),
  VERIFY_MINUTES: envNumber(1, 1440, 15),
  COMMIT_NAME: z.string().min(1).max(100).default('AI Factory').describe('the author of commits'),
  COMMIT_EMAIL: z.email('must be an e-mail address').default('factory@users.noreply.github.com').describe('an e-mail address'),
  /** Of what a run's worker writes; of more, the beginning and the end are kept. */
  LOG_BYTES_PER_RUN: envInt(1024, 1_000_000_000, 5_000_000),
  WORKER_RUNTIME: z.enum(['docker', 'process'], 'must be docker or process (swarm is planned, not built)').optional().describe('docker or process; left out: docker when an engine answers'),
  WORKER_IMAGE: z.string().min(1).default('factory-worker:latest').describe('the name of an image'),
  WORKER_MEMORY_MB: envInt(128, 1_048_576, 4096),
  WORKER_CPUS: envNumber(0.1, 1024, 2),
  WORKER_PIDS: envInt(16, 1_000_000, 512),
  /** Docker: where the gateway's socket directory comes from, when not the directory of GATEWAY_SOCKET (a volume's name). */
  WORKER_SOCKET_SOURCE: z.string().optional().describe('a directory or the name of a volume that holds gateway.sock'),
  WORKER_CA_FILE: z.string().optional().describe('a file of CA certificates that workers shall trust'),
  DOCKER_HOST: z.string().optional().describe('unix:///var/run/docker.sock or tcp://host:port'),
  /** Keeps factories on one engine apart. */
  INSTANCE: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be a short lower-case word').default('factory').describe('a short lower-case word'),
  /** Days that events, logs and runs of an ended item are kept; 0: for ever. */
  RETENTION_DAYS: envInt(0, 36_500, 90),
  OPENAI_API_KEY: z.string().optional().describe('a key of an OpenAI-compatible service'),
  OPENAI_BASE_URL: envUrl('https://api.openai.com/v1').optional(),
  EMBEDDING_MODEL: z.string().default('text-embedding-3-small').describe('the name of an embedding model'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').describe('trace, debug, info, warn, error, fatal or silent'),
  /** Process runtime: the agent's binary, and where its workers find git and the repository's tools. */
  CLAUDE_BIN: z.string().optional().describe('the path of the claude binary'),
  PATH: z.string().default('/usr/local/bin:/usr/bin:/bin').describe('a search path'),
})
export type Config = z.infer<typeof ConfigSchema>

/** @throws ConfigError naming each variable, what is wrong with it and the fix */
export function readConfig(env: Record<string, string | undefined>): Config {
  const config = parseEnv(ConfigSchema, env)
  const problems = githubEnvProblems(config)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

export const configVariables: readonly string[] = Object.keys(ConfigSchema.shape)
