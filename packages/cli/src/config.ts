import { envUrl, parseEnv } from '@factory/shared'
import { z } from 'zod'

const CliEnv = z.object({
  FACTORY_URL: envUrl('http://127.0.0.1:3000').default('http://127.0.0.1:3000'),
  FACTORY_TOKEN: z.string().optional().describe("the orchestrator's token"),
  DATA_DIR: z.string().default('.factory').describe('a directory'),
  NO_COLOR: z.string().optional().describe('anything, to have no colour'),
})

export const configVariables: readonly string[] = Object.keys(CliEnv.shape)

export type CliConfig = { url: string; token: string | null; dataDir: string; noColor: boolean }

/** @throws ConfigError */
export function readConfig(env: Record<string, string | undefined>): CliConfig {
  const parsed = parseEnv(CliEnv, env)
  return { url: parsed.FACTORY_URL.replace(/\/+$/, ''), token: parsed.FACTORY_TOKEN ?? null, dataDir: parsed.DATA_DIR, noColor: parsed.NO_COLOR !== undefined }
}
