import { parseArgs } from 'node:util'
import { createGit } from '../git/git.ts'
import { createSetupCache } from './cache.ts'
import { setUp } from './setup.ts'

/** How to run the same cached setup in another checkout, such as Ralph's clean rooms: a shell command. */
export function setupCommand(self: readonly string[], options: { cacheDir: string; cacheBytes: number; minutes: number; commands: readonly string[] }): string {
  const words = [...self, 'setup', '--cache-dir', options.cacheDir, '--cache-bytes', String(options.cacheBytes), '--minutes', String(options.minutes), ...options.commands.map((command) => `--command=${command}`)]
  return shellWords(words)
}

/** Words as a shell reads them again. */
export const shellWords = (words: readonly string[]): string => words.map(quote).join(' ')

const quote = (word: string) => (/^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** `worker setup --cache-dir DIR --cache-bytes N --minutes N --command CMD…` in the current checkout. Exit 0, 1 or 64. */
export async function setupMain(args: readonly string[], env: Record<string, string | undefined>, cwd: string): Promise<number> {
  let values: { 'cache-dir'?: string; 'cache-bytes'?: string; minutes?: string; command?: string[] }
  try {
    values = parseArgs({
      args: [...args],
      options: { 'cache-dir': { type: 'string' }, 'cache-bytes': { type: 'string' }, minutes: { type: 'string' }, command: { type: 'string', multiple: true } },
    }).values
  } catch (error) {
    process.stderr.write(`worker setup: ${error instanceof Error ? error.message : String(error)}\n`)
    return 64
  }
  const root = values['cache-dir']
  const minutes = Number(values.minutes ?? 15)
  const maxBytes = Number(values['cache-bytes'] ?? 10 * 1024 ** 3)
  if (!root || !(minutes > 0) || !(maxBytes > 0)) {
    process.stderr.write('worker setup needs --cache-dir DIR, --command CMD and, above 0, --minutes N and --cache-bytes N\n')
    return 64
  }
  const known: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value !== undefined) known[name] = value
  // A local checkout: no address and no token are needed.
  const git = createGit({ dir: cwd, basicEnv: known, gatewayUrl: 'http://127.0.0.1', token: 'none' })
  const result = await setUp({
    git,
    commands: values.command ?? [],
    cache: createSetupCache({ root, maxBytes, env: known, now: () => new Date() }),
    minutes,
    env: known,
    now: () => performance.now(),
    say: (line) => process.stdout.write(`$ ${line}\n`),
  })
  if (result.ok) {
    process.stdout.write(`setup ${result.cached ? 'restored from the cache' : 'done'} in ${(result.ms / 1000).toFixed(1)} s\n`)
    return 0
  }
  process.stdout.write(`${result.tail}\n"${result.command}" ${result.reason}\n`)
  return 1
}
