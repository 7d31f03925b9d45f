import { createHash } from 'node:crypto'
import { realpath, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Git } from '../git/git.ts'

/** Files that decide what a setup makes, wherever they are in the repository. */
const MANIFESTS = /(^|\/)(package\.json|bun\.lockb?|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock|\.yarnrc(\.yml)?|\.npmrc|bunfig\.toml|\.(node|python|ruby|java|tool)-versions?|\.nvmrc|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(\.lock)?|[^/]*requirements[^/]*\.txt|setup\.(py|cfg)|go\.(mod|sum|work)|Cargo\.(toml|lock)|pom\.xml|[^/]*\.gradle(\.kts)?|gradle\.properties|Gemfile(\.lock)?|composer\.(json|lock)|mix\.(exs|lock))$/
const TOOLS = ['bun', 'node', 'npm', 'python3', 'go', 'cargo', 'java', 'ruby', 'php'] as const

/** Commands whose result holds the path of the checkout (virtual environments, editable installs). */
const PATH_BOUND = /\bvenv\b|\bvirtualenv\b|\s(-e|--editable)\b|\buv\s+sync\b|\bpoetry\s+install\b|\bpdm\b|\bpipenv\b|setup\.py\s+develop|\b(npm|yarn|pnpm|bun)\s+link\b/

/**
 * Names what a setup makes of this checkout: the same commands, manifests, machine and tools make
 * the same; another lock file makes another name.
 */
export async function setupKey(git: Git, commands: readonly string[], path: string): Promise<string> {
  const hash = createHash('sha256')
  const add = (...parts: string[]) => parts.forEach((part) => hash.update(`${Buffer.byteLength(part)}:${part}\n`))
  add('setup-1', process.platform, process.arch, await readFile('/etc/os-release', 'utf8').catch(() => ''), ...commands)
  if (commands.some((command) => PATH_BOUND.test(command))) add('path', git.dir)
  for (const tool of TOOLS) add(tool, await fingerprint(tool, path))
  const files = (await git.must(['ls-files', '-z', '--cached', '--others', '--exclude-standard'])).split('\0').filter((file) => MANIFESTS.test(file))
  for (const file of [...new Set(files)].sort()) {
    const content = await readFile(join(git.dir, file)).catch(() => null)
    if (content) add(file, createHash('sha256').update(content).digest('hex'))
  }
  return hash.digest('hex')
}

/** Another image brings another node or python; its file differs in place or size. */
async function fingerprint(tool: string, path: string): Promise<string> {
  const found = Bun.which(tool, { PATH: path })
  if (!found) return 'none'
  const real = await realpath(found).catch(() => found)
  return `${real} ${(await stat(real).catch(() => null))?.size ?? 0}`
}
