import { createClient, type Client } from '@factory/orchestrator/client'
import { FactoryError } from '@factory/shared'
import { join, resolve } from 'node:path'
import type { CliConfig } from './config.ts'

/** The token to call with: option or environment, else the file that the orchestrator wrote; null where there is none. */
export async function findToken(config: CliConfig, cwd: string): Promise<string | null> {
  if (config.token !== null) return config.token
  const text = await Bun.file(tokenFile(config, cwd))
    .text()
    .catch(() => '')
  return text.trim() || null
}

export function tokenFile(config: CliConfig, cwd: string): string {
  return join(resolve(cwd, config.dataDir), 'token')
}

/** @throws FactoryError `unauthorized` when there is no token anywhere */
export async function needToken(config: CliConfig, cwd: string): Promise<string> {
  const token = await findToken(config, cwd)
  if (token === null) {
    throw new FactoryError('unauthorized', `there is no token: set FACTORY_TOKEN, give --token, or run this where ${tokenFile(config, cwd)} can be read (the orchestrator writes it on its first start)`)
  }
  return token
}

/** @throws FactoryError `unauthorized` when there is no token anywhere */
export async function connect(config: CliConfig, cwd: string): Promise<Client> {
  return createClient({ baseUrl: config.url, token: await needToken(config, cwd) })
}
