import { describe, expect, test } from 'bun:test'
import { explainGithubError, GithubPaused } from './explain.ts'

const now = new Date('2026-01-01T00:00:00Z')
const failed = (status: number, message: string, headers: Record<string, string> = {}) => Object.assign(new Error(message), { status, request: {}, response: { status, headers, data: {} } })

describe('explainGithubError', () => {
  test.each([
    [401, 'Bad credentials', 'auth'],
    [403, 'Resource not accessible by personal access token', 'repository_forbidden'],
    [403, 'You have exceeded a secondary rate limit', 'rate_limited'],
    [404, 'Not Found', 'repository_not_found'],
    [410, 'Issues are disabled for this repo', 'repository_not_found'],
    [409, 'Git Repository is empty.', 'validation'],
    [422, 'Validation Failed', 'validation'],
    [429, 'Too many requests', 'rate_limited'],
    [451, 'Repository access blocked', 'repository_forbidden'],
    [500, 'oops', 'unreachable'],
    [502, 'Bad gateway', 'unreachable'],
  ] as const)('%d %s is %s', (status, message, code) => {
    expect(explainGithubError(failed(status, message), now)).toMatchObject({ code, status })
  })

  test('no answer at all is unreachable, whatever status Octokit makes up', () => {
    expect(explainGithubError(Object.assign(new Error('ECONNREFUSED'), { status: 500, request: {} }), now)).toMatchObject({ code: 'unreachable', status: null })
  })

  test('says when to come back', () => {
    expect(explainGithubError(failed(429, 'slow down', { 'retry-after': '7' }), now).retryAt).toEqual(new Date('2026-01-01T00:00:07Z'))
    const reset = String(now.getTime() / 1000 + 600)
    expect(explainGithubError(failed(403, 'API rate limit exceeded', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset }), now).retryAt).toEqual(new Date('2026-01-01T00:10:01Z'))
    expect(explainGithubError(failed(403, 'secondary rate limit'), now).retryAt).toEqual(new Date('2026-01-01T00:01:00Z'))
    expect(explainGithubError(new GithubPaused(now), now)).toMatchObject({ code: 'rate_limited', retryAt: now })
  })

  test('names the right that is missing', () => {
    const { message } = explainGithubError(failed(403, 'Resource not accessible', { 'x-accepted-github-permissions': 'pull_requests=write; issues=write' }), now)
    expect(message).toContain('the permission pull_requests=write or issues=write')
  })

  test('repeats no credential', () => {
    const { message } = explainGithubError(failed(500, `https://x:ghp_${'a'.repeat(36)}@example.com ghp_${'b'.repeat(36)}`), now)
    expect(message).not.toContain('aaaa')
    expect(message).not.toContain('bbbb')
  })

  test('anything else is unknown', () => {
    expect(explainGithubError('what', now)).toEqual({ code: 'unknown', message: 'what', status: null })
    expect(explainGithubError(new TypeError('defect'), now).code).toBe('unknown')
  })
})
