import { redactText } from '@factory/shared'
import { z } from 'zod'

export const GITHUB_ERROR_CODES = ['repository_not_found', 'repository_forbidden', 'auth', 'rate_limited', 'unreachable', 'validation', 'unknown'] as const
export type GithubErrorCode = (typeof GITHUB_ERROR_CODES)[number]

/** A failed call in words for people. `retryAt`: GitHub asked not to come back before. */
export type GithubProblem = { code: GithubErrorCode; message: string; status: number | null; retryAt?: Date }

/** Thrown without a request: an earlier answer said to wait until `retryAt`. */
export class GithubPaused extends Error {
  readonly retryAt: Date

  constructor(retryAt: Date) {
    super(`GitHub's rate limit is used up until ${retryAt.toISOString()}`)
    this.name = 'GithubPaused'
    this.retryAt = retryAt
  }
}

/** Octokit's RequestError, read by its shape: no answer at all has no `response`. */
const RequestErrorShape = z.object({
  status: z.number(),
  message: z.string(),
  response: z.object({ headers: z.record(z.string(), z.unknown()).default({}), data: z.unknown() }).optional(),
})

/** What happened, from whatever a call to GitHub threw. Never contains a credential. */
export function explainGithubError(error: unknown, now: Date = new Date()): GithubProblem {
  if (error instanceof GithubPaused) return { code: 'rate_limited', message: error.message, status: null, retryAt: error.retryAt }
  const parsed = RequestErrorShape.safeParse(error)
  const message = redactText(error instanceof Error ? error.message : String(error))
  if (!parsed.success) return { code: 'unknown', message, status: null }
  const { status, response } = parsed.data
  if (!response) return { code: 'unreachable', message: `GitHub does not answer: ${message}`, status: null }
  const header = (name: string) => (typeof response.headers[name] === 'string' ? response.headers[name] : undefined)
  if (status === 403 || status === 429) {
    const retryAt = readRetryAt(header, now)
    const limited = status === 429 || header('x-ratelimit-remaining') === '0' || /secondary rate limit|rate limit exceeded/i.test(message)
    if (limited) return { code: 'rate_limited', message: `GitHub's rate limit is used up: ${message}`, status, retryAt: retryAt ?? new Date(now.getTime() + 60_000) }
    return { code: 'repository_forbidden', message: `GitHub refuses it: ${message}${neededRights(header)}`, status }
  }
  if (status === 401) return { code: 'auth', message: `GitHub does not accept the credential: ${message}`, status }
  if (status === 404 || status === 410) return { code: 'repository_not_found', message: `GitHub does not find it, or the credential may not see it: ${message}`, status }
  if (status === 451) return { code: 'repository_forbidden', message: `GitHub refuses it for legal reasons: ${message}`, status }
  if (status >= 500) return { code: 'unreachable', message: `GitHub answers ${status}: ${message}`, status }
  if (status >= 400) return { code: 'validation', message: `GitHub does not accept the request: ${message}`, status }
  return { code: 'unknown', message, status }
}

/** `Retry-After` counts seconds; `X-RateLimit-Reset` is an epoch second and only speaks when nothing remains. */
function readRetryAt(header: (name: string) => string | undefined, now: Date): Date | undefined {
  const after = header('retry-after')
  if (after !== undefined && /^\d+$/.test(after)) return new Date(now.getTime() + Number(after) * 1000)
  const reset = header('x-ratelimit-reset')
  if (header('x-ratelimit-remaining') === '0' && reset !== undefined && /^\d+$/.test(reset)) return new Date((Number(reset) + 1) * 1000)
  return undefined
}

/** Fine-grained tokens are told which permission would do; classic ones which scope. */
function neededRights(header: (name: string) => string | undefined): string {
  const permissions = header('x-accepted-github-permissions')
  if (permissions) return ` (the token needs the permission ${permissions.replace(/; ?/g, ' or ')})`
  const scopes = header('x-accepted-oauth-scopes')
  return scopes ? ` (the token needs one of the scopes ${scopes})` : ''
}
