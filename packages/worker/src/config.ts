import { envNumber, parseEnv } from '@factory/shared'
import { z } from 'zod'

const schema = z.object({
  FACTORY_GATEWAY_URL: z
    .string('is required')
    .regex(/^(https?:\/\/[^\s]+|unix:\/[^\s]+)$/, 'must be an http URL or unix:/path')
    .describe('the gateway: http://127.0.0.1:3002 or unix:/run/factory/gateway.sock'),
  FACTORY_RUN_ID: z.string('it is required').regex(/^[1-9]\d*$/, 'must be a whole number').transform(Number).describe('the number of the run'),
  FACTORY_RUN_TOKEN: z.string('it is required').min(8, 'is too short').describe("the run's own token"),
  FACTORY_WORKSPACE: z.string().startsWith('/', 'must be an absolute path').default('/workspace').describe('an empty directory, or one that can be made'),
  FACTORY_CACHE_DIR: z.string().startsWith('/', 'must be an absolute path').optional().describe('a writable directory that is kept between runs of one repository'),
  FACTORY_CACHE_GB: envNumber(0.1, 1000, 10),
  RALPH_COMMAND: z.string().default('/opt/factory/bin/ralph').transform((text) => text.split(/\s+/).filter(Boolean)).describe('the command that starts ralph, words separated by spaces'),
  CLAUDE_BIN: z.string().optional().describe('the path of the claude binary'),
  PATH: z.string().default('/opt/factory/bin:/usr/local/bin:/usr/bin:/bin'),
  LANG: z.string().default('C.UTF-8'),
  HOME: z.string().optional(),
  TMPDIR: z.string().default('/tmp'),
  NODE_EXTRA_CA_CERTS: z.string().optional(),
  SSL_CERT_FILE: z.string().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'is no level').default('info').describe('trace, debug, info, warn, error, fatal or silent'),
})

export type WorkerConfig = {
  gatewayUrl: string
  runId: number
  runToken: string
  workspace: string
  cacheDir: string | null
  cacheBytes: number
  ralph: readonly string[]
  claudeBin: string | null
  tmpDir: string
  /** What every process that we start may see: no token among it. */
  basicEnv: Record<string, string>
  logLevel: string
}

/** @throws ConfigError */
export function parseConfig(env: Record<string, string | undefined>): WorkerConfig {
  const given = parseEnv(schema, env)
  const basicEnv: Record<string, string> = { PATH: given.PATH, LANG: given.LANG, TMPDIR: given.TMPDIR, HOME: given.HOME ?? given.TMPDIR }
  if (given.NODE_EXTRA_CA_CERTS) basicEnv['NODE_EXTRA_CA_CERTS'] = given.NODE_EXTRA_CA_CERTS
  if (given.SSL_CERT_FILE) basicEnv['SSL_CERT_FILE'] = given.SSL_CERT_FILE
  return {
    gatewayUrl: given.FACTORY_GATEWAY_URL.replace(/\/$/, ''),
    runId: given.FACTORY_RUN_ID,
    runToken: given.FACTORY_RUN_TOKEN,
    workspace: given.FACTORY_WORKSPACE,
    cacheDir: given.FACTORY_CACHE_DIR ?? null,
    cacheBytes: given.FACTORY_CACHE_GB * 1024 ** 3,
    ralph: given.RALPH_COMMAND,
    claudeBin: given.CLAUDE_BIN ?? null,
    tmpDir: given.TMPDIR,
    basicEnv,
    logLevel: given.LOG_LEVEL,
  }
}
