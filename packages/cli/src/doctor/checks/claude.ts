import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok, warn, type Finding } from '../finding.ts'
import type { Examined } from '../examined.ts'
import { readCommand } from '../read-command.ts'

/** The version whose output the factory was written against. */
const TESTED = '2.1.328'

/** The binary is only asked for its version: no account, no network, an environment made from nothing. */
export async function checkClaude({ env, raw, cwd }: Examined): Promise<Finding> {
  const path = findClaude(env.CLAUDE_BIN, raw, cwd)
  if (path === null) return fail('claude', env.CLAUDE_BIN ? `CLAUDE_BIN names ${env.CLAUDE_BIN}, which is not there` : 'the Claude Code program was not found', 'Run ./scripts/setup.sh, or set CLAUDE_BIN to the binary')
  const said = await readCommand([path, '--version'], { HOME: '/nonexistent', PATH: raw['PATH'] ?? '', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' })
  const version = /\d+\.\d+\.\d+/.exec(said.text)?.[0]
  if (said.exitCode !== 0 || !version) return fail('claude', `${path} does not run: ${said.text || 'no output'}`, 'Run ./scripts/setup.sh to install it anew')
  if (version !== TESTED) return warn('claude', `Claude Code ${version} at ${path}; tested with ${TESTED}`, `If runs fail strangely, use ${TESTED} (./scripts/setup.sh)`)
  return ok('claude', `Claude Code ${version} at ${path}`)
}

function findClaude(given: string | undefined, raw: Record<string, string | undefined>, cwd: string): string | null {
  if (given !== undefined) return existsSync(given) ? given : null
  const name = `@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`
  const places = ['.tools/node_modules', 'node_modules'].map((folder) => join(cwd, folder, name))
  return places.find((place) => existsSync(place)) ?? Bun.which('claude', { PATH: raw['PATH'] ?? '' })
}
