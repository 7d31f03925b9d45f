import { readError } from '@factory/orchestrator/client'
import { FactoryError } from '@factory/shared'
import type { Context } from './command.ts'
import { needToken } from './connect.ts'

/**
 * A call whose body or answer is a file. It may take as long as it takes; Ctrl-C ends it.
 * @throws FactoryError as the typed client does
 */
export async function transfer(context: Pick<Context, 'config' | 'io'>, method: 'GET' | 'POST', path: string, body?: Blob): Promise<Response> {
  const { config, io } = context
  const token = await needToken(config, io.cwd)
  let response: Response
  try {
    response = await fetch(`${config.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/gzip' } : {}) },
      ...(body ? { body } : {}),
      signal: io.signal,
      // Bun's own limit of five minutes is for answers that come at once
      ...({ timeout: false } satisfies BunFetchRequestInit),
    })
  } catch (error) {
    throw new FactoryError('unavailable', `${config.url} does not answer: ${error instanceof Error ? error.message : String(error)}`, [], { cause: error })
  }
  if (!response.ok) throw readError(response.status, await response.text())
  return response
}
