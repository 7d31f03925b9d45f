import { existsSync } from 'node:fs'
import { describe, test } from 'bun:test'

/** Real parts that a test can need. Each is found by what `scripts/test.sh` sets, never guessed. */
export type Part = 'postgres' | 'redis' | 'docker' | 'claude' | 'chromium' | 'worker-image' | 'mounts'

let mayMount: boolean | undefined

const where: Record<Part, () => string | null> = {
  // postgres://… of a server with pgvector on which databases may be created
  postgres: () => process.env.TEST_DATABASE_URL || null,
  redis: () => process.env.TEST_REDIS_URL || null,
  // set by scripts/test.sh once an engine answered
  docker: () => process.env.TEST_DOCKER || null,
  'worker-image': () => process.env.TEST_WORKER_IMAGE || null,
  // the right to mount a small disk where nobody else sees it
  mounts() {
    mayMount ??= Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdout: 'ignore', stderr: 'ignore' }).exitCode === 0
    return mayMount ? 'unshare' : null
  },
  claude: () => process.env.CLAUDE_BIN || null,
  chromium: () => ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path)) ?? null,
}

/** Where a part is (address, path or name), or null when this machine does not have it. */
export function find(part: Part): string | null {
  return where[part]()
}

/** Like {@link find} for code inside a {@link describeWith}, where the part is known to be there. */
export function need(part: Part): string {
  const found = find(part)
  if (!found) throw new Error(`${part} is not available`)
  return found
}

/**
 * A `describe` that needs real parts. Where one is missing its tests are skipped out loud on a
 * developer's machine and fail in CI, so that a green CI run never hides an untested adapter.
 */
export function describeWith(parts: readonly Part[], name: string, body: () => void): void {
  const missing = parts.filter((part) => !find(part))
  if (missing.length === 0) return describe(name, body)
  const why = `${name}: needs ${missing.join(', ')} (scripts/test.sh sets it up)`
  if (process.env.CI === 'true') {
    test(why, () => {
      throw new Error(`CI has no ${missing.join(', ')}`)
    })
  } else {
    console.warn(`SKIPPED ${why}`)
    describe.skipIf(true)(why, body)
  }
}
