import { pause, type Logger } from '@factory/shared'
import type { Switch } from '../halt.ts'
import type { Trust } from '../protocol/keep.ts'
import type { Git } from './git.ts'

/** `refused`: the other side says no, and would again. `unreachable`: it did not answer, or not for good. */
export type PushProblem = { kind: 'refused' | 'unreachable'; message: string }

/** Pushes commits to the run's own ref, one at a time and only while the run is trusted; of those that wait only the newest counts. */
export type Pusher = {
  /** Never throws: what does not get through now is tried again with the next one, and at the end. */
  want(sha: string): void
  /** Resolves when nothing is on its way. */
  settled(): Promise<void>
  /** Pushes this commit now, with patience. Null when it is there, else git's words. */
  insist(sha: string): Promise<PushProblem | null>
}

/** A rule or a right says no. Git tells of a repeated push that met its own forerunner in the same words but for the lock. */
function isRefused(message: string): boolean {
  if (/cannot lock ref|failed to update ref/i.test(message)) return false
  return /\[remote rejected\]|returned error: 4(?!08|09|29)\d\d/.test(message)
}

/** About two minutes in all, besides the time in which nobody takes our heartbeats either. */
const RETRY_MS = [1000, 3000, 10_000, 20_000, 30_000, 60_000] as const

export function createPusher(options: { git: Git; ref: string; stop: Switch; trust: Trust; logger: Logger; pushed: (sha: string) => void; retryMs?: readonly number[] }): Pusher {
  const { git, ref, stop, trust, logger, pushed } = options
  const retryMs = options.retryMs ?? RETRY_MS
  let wanted: string | null = null
  let running: Promise<void> | null = null
  let last: string | null = null

  /** A stop lets a push end (the work is worth it), a lost lease does not; one in doubt breaks it off for now. */
  async function push(sha: string): Promise<PushProblem | null> {
    // Trust can end between the answer and the next turn.
    while (!trust.trusted()) if (!(await trust.regained())) return { kind: 'unreachable', message: 'the run has lost its lease' }
    if (last === sha) return null
    const done = await git.try(['push', '-q', '--porcelain', '--no-verify', 'origin', `+${sha}:${ref}`], { signal: AbortSignal.any([stop.fence, trust.lapse()]), timeoutMs: 10 * 60_000 })
    if (done.code !== 0) {
      const message = `${done.stdout}\n${done.stderr}`.trim().slice(-2000) || 'git push failed'
      logger.warn({ sha, problem: message }, 'push failed')
      return { kind: isRefused(message) ? 'refused' : 'unreachable', message }
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
        if (problem === null || problem.kind === 'refused' || stop.fence.aborted) return problem
        // While nobody answers our heartbeats either (an upgrade), a failed push says nothing about the forge.
        if (!(await trust.confirm())) attempt = -1
        const wait = retryMs[Math.max(0, attempt)]
        if (wait === undefined || stop.fence.aborted) return problem
        await pause(wait, stop.fence)
      }
    },
  }
}
