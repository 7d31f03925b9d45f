import { run, type Finished } from '../process.ts'

export type Git = {
  dir: string
  /** The exit code is the caller's to judge. */
  try(args: readonly string[], options?: { signal?: AbortSignal; timeoutMs?: number; env?: Record<string, string> }): Promise<Finished>
  /** Standard output without the last line's end. @throws Error with git's own words */
  must(args: readonly string[], options?: { env?: Record<string, string> }): Promise<string>
}

/** A fetch or push of a large repository over a slow line. */
const TIMEOUT_MS = 15 * 60_000
/** The names of a million files. */
const MAX_OUTPUT = 128 * 1024 * 1024

/**
 * Git in one checkout. Its credential stands in the environment of the process only, never in a file
 * of the checkout; no hook, no other transport than http, no configuration of the machine. `fence` ends
 * whatever runs.
 */
export function createGit(options: { dir: string; basicEnv: Record<string, string>; gatewayUrl: string; token: string; fence?: AbortSignal }): Git {
  const config: readonly (readonly [string, string])[] = [
    [`http.${options.gatewayUrl}/.extraHeader`, `Authorization: Bearer ${options.token}`],
    ['http.followRedirects', 'false'],
    // Git runs through no proxy: the gateway is on loopback or named by its address.
    ['http.proxy', ''],
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    ['protocol.https.allow', 'always'],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['advice.detachedHead', 'false'],
    ['safe.directory', '*'],
    ['filter.lfs.smudge', ''],
    ['filter.lfs.process', ''],
    ['filter.lfs.required', 'false'],
  ]
  const env: Record<string, string> = { ...options.basicEnv, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C', GIT_CONFIG_COUNT: String(config.length) }
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  })
  const attempt: Git['try'] = (args, more = {}) => {
    const signal = more.signal ?? options.fence
    return run(['git', ...args], { cwd: options.dir, env: { ...env, ...more.env }, timeoutMs: more.timeoutMs ?? TIMEOUT_MS, keepBytes: MAX_OUTPUT, ...(signal ? { signal } : {}) })
  }
  return {
    dir: options.dir,
    try: attempt,
    async must(args, more) {
      const done = await attempt(args, more)
      if (done.code !== 0) throw new Error(`git ${args[0] ?? ''} failed (${done.code ?? 'stopped'}): ${done.stderr.trim().slice(-2000)}`)
      return done.stdout.replace(/\n$/, '')
    },
  }
}
