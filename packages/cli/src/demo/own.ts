import { UsageError } from '../exit.ts'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The demo's directory, emptied, for one demo at a time. @throws UsageError while another one runs */
export function ownDemo(dataDir: string): { dir: string; release(): void } {
  const dir = join(resolve(dataDir), 'demo')
  const lock = join(resolve(dataDir), 'demo.pid')
  const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
  if (pid > 0 && isDemo(pid)) throw new UsageError(`a demo is running already (process ${pid}); end that one first`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  writeFileSync(lock, String(process.pid))
  return { dir, release: () => rmSync(lock, { force: true }) }
}

/** A pid that is used again by some other program is no demo. */
function isDemo(pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.includes('demo')
  } catch {
    return false
  }
}
