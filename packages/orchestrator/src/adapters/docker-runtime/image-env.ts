import { z } from 'zod'

/** What an image sets for the programs in it: the search path of its toolchain, and JAVA_HOME, CARGO_HOME and the like by name. */
export type ImageEnv = { path: string | null; names: readonly string[] }

export const NO_ENV: ImageEnv = { path: null, names: [] }

/** What we set ourselves, or what would steer our own programs (the agent, git, Bun, the loader) rather than the repository's. */
const OURS = /^(FACTORY_|RALPH_|ANTHROPIC_|CLAUDE_|GIT_|BUN_|LD_)|^(PATH|HOME|USER|PWD|SHELL|TMPDIR|LANG|LC_ALL|CI|TERM|IS_SANDBOX|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE)$|^(HTTP|HTTPS|NO|ALL)_PROXY$/i
/** Where tools keep what they download. A worker's image is read-only; without these they take their place in HOME. */
const WRITTEN = /^(GOPATH|GOCACHE|GOMODCACHE|CARGO_HOME|GRADLE_USER_HOME|MAVEN_CONFIG|(UV|PIP|YARN|COREPACK|NPM_CONFIG)_(CACHE(_DIR|_FOLDER)?|HOME)|XDG_\w+)$/i
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

const Inspected = z.object({ Config: z.object({ Env: z.array(z.string()).nullish() }).nullish() })

/** Reads what the engine says of an image. */
export function readImageEnv(inspected: unknown): ImageEnv {
  const parsed = Inspected.safeParse(inspected)
  const pairs = ((parsed.success && parsed.data.Config?.Env) || []).map((line): [string, string] => {
    const at = line.indexOf('=')
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
  })
  return {
    path: pairs.find(([name]) => name === 'PATH')?.[1] || null,
    names: pairs.map(([name]) => name).filter((name) => NAME.test(name) && !OURS.test(name) && !WRITTEN.test(name)),
  }
}
