import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import Bottleneck from 'bottleneck'
import { GithubPaused, explainGithubError } from './explain.ts'
import type { Logger } from '@factory/shared'

export type OctokitSettings = {
  apiUrl: string
  logger: Logger
  /** Longest wait for a limit inside one call, seconds. Longer ones fail at once with `retryAt`. */
  maxWaitSeconds: number
  /** Length of "one second" in the retry and throttling plugins; tests make it short. */
  retryBaseMs: number
  /** GitHub asks for a second between writes and three between comments. 0: no pacing. */
  paceMs: number
  /** One request, milliseconds. */
  timeoutMs: number
  now: () => Date
}

const PacedOctokit = Octokit.plugin(retry, throttling)

/**
 * An Octokit without credentials that respects GitHub's limits: it waits where the wait is short,
 * and where it is long it fails with `retryAt` and sends nothing more until then.
 *
 * A POST is never repeated by itself after a 5xx or a broken connection: it may have been carried
 * out, so whoever sent it has to look before he sends another.
 */
export function buildOctokit(settings: OctokitSettings): Octokit {
  const { logger, maxWaitSeconds, paceMs } = settings
  const mayWait = (kind: string) => (seconds: number, options: object, _octokit: unknown, retryCount: number) => {
    const wait = seconds <= maxWaitSeconds && retryCount < 2
    const { method, url } = options as { method?: string; url?: string }
    logger.warn({ kind, seconds, method, url, wait }, 'GitHub asks us to slow down')
    return wait
  }
  const group = (maxConcurrent: number, minTime: number) => new Bottleneck.Group({ maxConcurrent, minTime })
  // Own groups: the plugin's are shared by the whole process, so that two clients would slow each
  // other. Its types do not name these options.
  const groups: Record<string, Bottleneck.Group> = {
    global: group(10, 0),
    auth: group(1, 0),
    search: group(1, paceMs * 2),
    write: group(1, paceMs),
    notifications: group(1, paceMs * 3),
  }
  const octokit = new PacedOctokit({
    baseUrl: settings.apiUrl.replace(/\/$/, ''),
    userAgent: 'software-factory',
    log: { debug: () => {}, info: () => {}, warn: (text: string) => logger.warn(text), error: () => {} },
    request: { fetch: fetchWithTimeout(settings.timeoutMs) },
    // 429 belongs to the throttling plugin alone: both plugins at once would multiply the attempts.
    retry: { doNotRetry: [400, 401, 403, 404, 409, 410, 422, 429, 451], retries: 2, retryAfterBaseValue: settings.retryBaseMs },
    throttle: {
      onRateLimit: mayWait('primary'),
      onSecondaryRateLimit: mayWait('secondary'),
      retryAfterBaseValue: settings.retryBaseMs,
      ...groups,
    },
  })
  octokit.hook.before('request', (options) => {
    if (options.method === 'POST' && options.request?.retries === undefined) options.request = { ...options.request, retries: 0 }
  })
  pauseWhenLimited(octokit, settings.now)
  return octokit
}

/** Remembers the longest wait GitHub asked for and refuses calls until then, without sending them. */
function pauseWhenLimited(octokit: Octokit, now: () => Date): void {
  let until = new Date(0)
  octokit.hook.wrap('request', async (request, options) => {
    if (until > now()) throw new GithubPaused(until)
    try {
      return await request(options)
    } catch (error) {
      const { code, retryAt } = explainGithubError(error, now())
      if (code === 'rate_limited' && retryAt && retryAt > until) until = retryAt
      throw error
    }
  })
}

function fetchWithTimeout(timeoutMs: number) {
  return (input: string | URL | Request, init?: RequestInit) => {
    const timeout = AbortSignal.timeout(timeoutMs)
    return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout })
  }
}
