import { envInt, envUrl, parseEnv } from '@factory/shared'
import { z } from 'zod'

const DashboardEnv = z.object({
  DASHBOARD_PORT: envInt(0, 65_535, 3001),
  DASHBOARD_HOST: z.string().max(255).default('127.0.0.1').describe('the address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  ORCHESTRATOR_URL: envUrl('http://127.0.0.1:3000').default('http://127.0.0.1:3000'),
})

export const configVariables: readonly string[] = Object.keys(DashboardEnv.shape)

export type DashboardConfig = {
  port: number
  host: string
  orchestratorUrl: string
}

/** @throws ConfigError */
export function readConfig(env: Record<string, string | undefined>): DashboardConfig {
  const parsed = parseEnv(DashboardEnv, env)
  return { port: parsed.DASHBOARD_PORT, host: parsed.DASHBOARD_HOST, orchestratorUrl: parsed.ORCHESTRATOR_URL.replace(/\/+$/, '') }
}
