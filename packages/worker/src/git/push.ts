import { pause, type Logger } from '@factory/shared'
import type { Switch } from '../halt.ts'
import type { Git } from './git.ts'

/** Pushes commits to the run's own ref, one at a time; of those that wait only the newest counts. */
export type Pusher = {
  /** Never throws: what does not get through now is tried again with the next one, and at the end. */
  want(sha: string): void
  /** Resolves when nothing is on its way. */
  settled(): Promise<void>
  /** Pushes this commit now, with patience. Null when it is there, else git's words. */
  insist(sha: string): Promise<string | null>
}

const RETRY_MS = [1000, 3000, 10_000, 20_000] as const

export function createPusher(options: { git: Git; ref: string; stop: Switch; logger: Logger; pushed: (sha: string) => void; retryMs?: readonly number[] }): Pusher {
  const { git, ref, stop, logger, pushed } = options
  const retryMs = options.retryMs ?? RETRY_MS
  let wanted: string | null = null
  let running: Promise<void> | null = null
  let last: string | null = null

  /** A stop lets a push end (the work is worth it), a lost lease does not. */
  async function push(sha: string): Promise<string | null> {
    if (stop.fence.aborted) return 'the run has lost its lease'
    if (last === sha) return null
    const done = await git.try(['push', '-q', '--porcelain', '--no-verify', 'origin', `+${sha}:${ref}`], { signal: stop.fence, timeoutMs: 10 * 60_000 })
    if (done.code !== 0) {
      const problem = `${done.stdout}\n${done.stderr}`.trim().slice(-2000)
      logger.warn({ sha, problem }, 'push failed')
      return problem || 'git push failed'
    }
    last = sha
    pushed(sha)
    return null
  }

  async function drain(): Promise<void> {
    while (wanted !== null) {
      const sha = wanted
      wanted = null
      await push(sha)
    }
    running = null
  }

  async function settled(): Promise<void> {
    for (let current = running; current !== null; current = running) await current
  }

  return {
    want(sha) {
      wanted = sha
      running ??= drain()
    },
    settled,
    async insist(sha) {
      wanted = null
      await settled()
      for (let attempt = 0; ; attempt++) {
        const problem = await push(sha)
        const wait = retryMs[attempt]
        if (problem === null || wait === undefined || stop.fence.aborted || /\[remote rejected\]|returned error: 4\d\d/.test(problem)) return problem
        await pause(wait, stop.fence)
      }
    },
  }
}
