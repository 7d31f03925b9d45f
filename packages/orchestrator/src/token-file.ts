import type { Logger } from '@factory/shared'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from './config.ts'

/**
 * FACTORY_TOKEN, or the one made on the first start: kept in `<DATA_DIR>/token` (readable by its owner
 * only) and printed once, on stderr and past the logs, which redact it.
 */
export function personToken(config: Pick<Config, 'FACTORY_TOKEN' | 'DATA_DIR'>, log: Logger): string {
  if (config.FACTORY_TOKEN) return config.FACTORY_TOKEN
  const path = join(resolve(config.DATA_DIR), 'token')
  const kept = readKept(path)
  if (kept) return kept
  const token = `fct_${randomBytes(32).toString('base64url')}`
  mkdirSync(resolve(config.DATA_DIR), { recursive: true })
  try {
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    // another orchestrator on this directory was a moment faster
    const theirs = readKept(path)
    if (theirs) return theirs
    throw error
  }
  process.stderr.write(`\nFACTORY_TOKEN was not set, so one was made (printed once; kept in ${path}):\n\n  ${token}\n\n`)
  log.info({ path }, 'made the factory token')
  return token
}

function readKept(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
