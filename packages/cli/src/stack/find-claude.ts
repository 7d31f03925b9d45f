import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The checkout that this program runs from. */
const ROOT = resolve(import.meta.dir, '../../../..')

/** CLAUDE_BIN, else the pinned package's native binary, else `claude` on PATH; null when there is none. */
export function findClaude(env: Record<string, string | undefined>): string | null {
  if (env['CLAUDE_BIN']) return existsSync(env['CLAUDE_BIN']) ? env['CLAUDE_BIN'] : null
  const name = `claude-code-${process.platform}-${process.arch}`
  const pattern = new Bun.Glob(`node_modules/.bun/@anthropic-ai+${name}@*/node_modules/@anthropic-ai/${name}/claude`)
  const found = [...pattern.scanSync({ cwd: ROOT, dot: true, onlyFiles: true })].sort().at(-1)
  return found ? join(ROOT, found) : Bun.which('claude', { PATH: env['PATH'] ?? '' })
}
