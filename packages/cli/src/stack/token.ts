import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The bearer token that the orchestrator made on its first start. */
export function readToken(dataDir: string): string {
  return readFileSync(join(dataDir, 'token'), 'utf8').trim()
}
