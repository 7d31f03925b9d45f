import type { Git } from '../git/git.ts'
import { run } from '../process.ts'
import type { SetupCache } from './cache.ts'
import { setupKey } from './key.ts'

export type SetupResult = { ok: true; cached: boolean; ms: number } | { ok: false; command: string; reason: string; tail: string }

export type SetupOptions = {
  git: Git
  commands: readonly string[]
  cache: SetupCache
  /** For all commands together. */
  minutes: number
  env: Record<string, string>
  now: () => number
  signal?: AbortSignal
  /** One line per command for people. */
  say?: (line: string) => void
}

/** Ours, not the setup's; the cache must never bring another run's spec. */
const OURS = /^(SPEC\.md|\.ai)(\/|$)/
const TAIL = 8192

/** Makes the checkout ready: from the cache when the same setup was done before, else by its commands. */
export async function setUp(options: SetupOptions): Promise<SetupResult> {
  const { git, commands, cache, env, now } = options
  const started = now()
  if (commands.length === 0) return { ok: true, cached: false, ms: 0 }
  const before = new Set(await untracked(git))
  const key = await setupKey(git, commands, env['PATH'] ?? '')
  if (await cache.restore(key, git.dir)) return { ok: true, cached: true, ms: now() - started }

  const until = started + options.minutes * 60_000
  for (const command of commands) {
    options.say?.(command)
    const done = await run(['/bin/sh', '-c', command], { cwd: git.dir, env, timeoutMs: Math.max(1, until - now()), ...(options.signal ? { signal: options.signal } : {}) })
    if (done.code === 0) continue
    const reason = done.timedOut ? `took longer than the ${options.minutes} minutes that setup may take` : `ended with ${done.code === null ? 'a signal' : `exit code ${done.code}`}`
    return { ok: false, command, reason, tail: `${done.stdout}\n${done.stderr}`.trim().slice(-TAIL) }
  }
  // The key is made of what was there before: a setup that rewrites its lock file must be found again by the old one.
  const made = (await untracked(git)).filter((path) => !before.has(path) && !OURS.test(path))
  if (made.length > 0) await cache.save(key, git.dir, made)
  return { ok: true, cached: false, ms: now() - started }
}

/** Ignored or not; a directory that holds nothing else is one path. */
async function untracked(git: Git): Promise<string[]> {
  return (await git.must(['ls-files', '-z', '--others', '--directory', '--no-empty-directory'])).split('\0').filter(Boolean)
}

/** What setup left that git would commit: untracked and not ignored by the repository. */
export async function leftovers(git: Git): Promise<string[]> {
  return (await git.must(['ls-files', '-z', '--others', '--exclude-standard', '--directory', '--no-empty-directory'])).split('\0').filter((path) => path !== '' && !OURS.test(path))
}
