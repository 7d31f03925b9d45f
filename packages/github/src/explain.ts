import { redactText } from '@factory/shared'
import { z } from 'zod'
import { readLimit } from './limit.ts'

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
  // Octokit wraps what its fetch throws.
  const paused = error instanceof Error && error.cause instanceof GithubPaused ? error.cause : error
  if (paused instanceof GithubPaused) return { code: 'rate_limited', message: paused.message, status: null, retryAt: paused.retryAt }
  const parsed = RequestErrorShape.safeParse(error)
  const message = redactText(error instanceof Error ? error.message : String(error))
  if (!parsed.success) return { code: 'unknown', message, status: null }
  const { status, response } = parsed.data
  if (!response) return { code: 'unreachable', message: `GitHub does not answer: ${message}`, status: null }
  const header = (name: string) => (typeof response.headers[name] === 'string' ? response.headers[name] : undefined)
  const retryAt = readLimit(status, header, message, now)
  if (retryAt && status < 500) return { code: 'rate_limited', message: `GitHub's rate limit is used up: ${message}`, status, retryAt }
  if (status === 403) return { code: 'repository_forbidden', message: `GitHub refuses it: ${message}${neededRights(header)}`, status }
  if (status === 401) return { code: 'auth', message: `GitHub does not accept the credential: ${message}`, status }
  if (status === 404 || status === 410) return { code: 'repository_not_found', message: `GitHub does not find it, or the credential may not see it: ${message}`, status }
  if (status === 451) return { code: 'repository_forbidden', message: `GitHub refuses it for legal reasons: ${message}`, status }
  if (status >= 500) return { code: 'unreachable', message: `GitHub answers ${status}: ${message}`, status, ...(retryAt ? { retryAt } : {}) }
  if (status >= 400) return { code: 'validation', message: `GitHub does not accept the request: ${message}`, status }
  return { code: 'unknown', message, status }
}

/** Fine-grained tokens are told which permission would do; classic ones which scope. */
function neededRights(header: (name: string) => string | undefined): string {
  const permissions = header('x-accepted-github-permissions')
  if (permissions) return ` (the token needs the permission ${permissions.replace(/; ?/g, ' or ')})`
  const scopes = header('x-accepted-oauth-scopes')
  return scopes ? ` (the token needs one of the scopes ${scopes})` : ''
}
