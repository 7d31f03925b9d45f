import { dirname } from 'node:path'

export type GitResult = { code: number; stdout: string; stderr: string }
export type GitOptions = { env?: Record<string, string>; input?: string }

const found = Bun.which('git')

/** Environment of every git process: nothing of the machine's or the person's configuration counts. */
export function gitEnv(): Record<string, string> {
  return { PATH: `${found ? dirname(found) : '/usr/bin'}:/usr/local/bin:/usr/bin:/bin`, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
}

/** The forge's own commits look the same on every machine and every day. */
export const ROBOT = {
  GIT_AUTHOR_NAME: 'Rehearsal',
  GIT_AUTHOR_EMAIL: 'rehearsal@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Rehearsal',
  GIT_COMMITTER_EMAIL: 'rehearsal@example.com',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
} as const

/** Runs git in a directory; the exit code is the caller's to judge. */
export async function tryGit(dir: string, args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  const child = Bun.spawn([found ?? 'git', ...args], {
    cwd: dir,
    env: { ...gitEnv(), ...options.env },
    stdin: options.input === undefined ? 'ignore' : new TextEncoder().encode(options.input),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, stdout, stderr }
}

/** Standard output without the last line's end. @throws Error with git's own words when it fails */
export async function git(dir: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryGit(dir, args, options)
  if (code !== 0) throw new Error(`git ${args[0] ?? ''} exited ${code}: ${stderr.trim()}`)
  return stdout.replace(/\n$/, '')
}

/** The commit that a name stands for, or null. A name must not look like an option. */
export async function commitOf(dir: string, name: string): Promise<string | null> {
  if (name.startsWith('-') || name === '') return null
  const { code, stdout } = await tryGit(dir, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
  return code === 0 ? stdout.trim() : null
}

/** What kind of object a full SHA is, or null when the repository does not have it. */
export async function objectType(dir: string, sha: string): Promise<string | null> {
  if (!/^[0-9a-f]{40}$/.test(sha)) return null
  const { code, stdout } = await tryGit(dir, ['cat-file', '-t', sha])
  return code === 0 ? stdout.trim() : null
}

export async function isAncestor(dir: string, older: string, newer: string): Promise<boolean> {
  return (await tryGit(dir, ['merge-base', '--is-ancestor', older, newer])).code === 0
}

export async function mergeBase(dir: string, one: string, other: string): Promise<string | null> {
  const { code, stdout } = await tryGit(dir, ['merge-base', one, other])
  return code === 0 ? stdout.trim() : null
}

export async function listRefs(dir: string): Promise<Map<string, string>> {
  const text = await git(dir, ['for-each-ref', '--format=%(refname) %(objectname)'])
  return new Map(text.split('\n').filter(Boolean).map((line): [string, string] => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]))
}

/** Name of a ref as git accepts it. */
export async function isRefName(dir: string, ref: string): Promise<boolean> {
  return (await tryGit(dir, ['check-ref-format', ref])).code === 0
}
