import { afterEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { createLogger } from '@factory/shared'
import { createGithub, explainGithubError, repoOf, type GithubOptions } from './index.ts'

type Seen = { method: string; path: string; authorization: string | null }
type Answer = { status: number; body: unknown; headers?: Record<string, string> }

let stopServer = () => {}
afterEach(() => stopServer())

/** A server on loopback that answers each route from a list; the last answer repeats. */
function serve(routes: Record<string, Answer[]>, options: Partial<GithubOptions> = {}) {
  const seen: Seen[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const { pathname } = new URL(request.url)
      seen.push({ method: request.method, path: pathname, authorization: request.headers.get('authorization') })
      const answers = routes[`${request.method} ${pathname}`]
      const answer = answers && answers.length > 1 ? answers.shift() : answers?.[0]
      if (!answer) return Response.json({ message: 'Not Found' }, { status: 404 })
      return Response.json(answer.body, { status: answer.status, ...(answer.headers ? { headers: answer.headers } : {}) })
    },
  })
  stopServer = () => void server.stop(true)
  const url = `http://127.0.0.1:${server.port}`
  const github = createGithub({ token: 'ghp_test', apiUrl: url, webUrl: url, logger: createLogger('test', 'silent'), retryBaseMs: 2, ...options })
  return { github, seen, url }
}

const user = { status: 200, body: { login: 'ada' } }
const repo = { owner: 'o', repo: 'r' }

describe('with a token', () => {
  test('sends it, asks for the login once, and gives it to git', async () => {
    const { github, seen } = serve({ 'GET /user': [user] })
    expect(await github.login()).toBe('ada')
    expect(await github.login()).toBe('ada')
    expect(seen).toEqual([{ method: 'GET', path: '/user', authorization: 'token ghp_test' }])
    expect(await github.gitCredential('o/r')).toEqual({ username: 'x-access-token', password: 'ghp_test' })
  })

  test('a read survives 502s', async () => {
    const bad = { status: 502, body: { message: 'bad gateway' } }
    const { github, seen } = serve({ 'GET /user': [bad, bad, user] })
    expect(await github.login()).toBe('ada')
    expect(seen).toHaveLength(3)
  })

  test('a POST that was answered 502 is not sent again by itself: it may have been carried out', async () => {
    const { github, seen } = serve({ 'POST /repos/o/r/issues/1/comments': [{ status: 502, body: { message: 'bad gateway' } }, { status: 201, body: { id: 1 } }] })
    const error = await github.octokit.rest.issues.createComment({ ...repo, issue_number: 1, body: 'x' }).catch((caught: unknown) => caught)
    expect(explainGithubError(error).code).toBe('unreachable')
    expect(seen).toHaveLength(1)
  })

  test('a short secondary limit is waited out, also for a POST: it was refused', async () => {
    const limited = { status: 403, body: { message: 'You have exceeded a secondary rate limit' }, headers: { 'retry-after': '1' } }
    const { github, seen } = serve({ 'POST /repos/o/r/issues/1/comments': [limited, { status: 201, body: { id: 1 } }] })
    await github.octokit.rest.issues.createComment({ ...repo, issue_number: 1, body: 'x' })
    expect(seen).toHaveLength(2)
  })

  test('a long limit fails with its end and sends nothing until then', async () => {
    let clock = new Date('2026-01-01T00:00:00Z')
    const limited = { status: 429, body: { message: 'You have exceeded a secondary rate limit' }, headers: { 'retry-after': '600' } }
    const { github, seen } = serve({ 'GET /user': [limited, user] }, { now: () => clock })
    const until = new Date('2026-01-01T00:10:00Z')
    const first = await github.login().catch((error: unknown) => explainGithubError(error, clock))
    expect(first).toMatchObject({ code: 'rate_limited', retryAt: until })
    const second = await github.login().catch((error: unknown) => explainGithubError(error, clock))
    expect(second).toMatchObject({ code: 'rate_limited', retryAt: until })
    expect(seen).toHaveLength(1)
    clock = until
    expect(await github.login()).toBe('ada')
  })

  test('a server that is not there is unreachable', async () => {
    const { github } = serve({}, {})
    stopServer()
    expect(explainGithubError(await github.login().catch((error: unknown) => error)).code).toBe('unreachable')
  })

  test('an answer that never comes is given up', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Promise<Response>(() => {}) })
    stopServer = () => void server.stop(true)
    const url = `http://127.0.0.1:${server.port}`
    const github = createGithub({ token: 't', apiUrl: url, webUrl: url, logger: createLogger('test', 'silent'), retryBaseMs: 1, timeoutMs: 20 })
    expect(explainGithubError(await github.login().catch((error: unknown) => error)).code).toBe('unreachable')
  })
})

describe('as an App', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  const app = { id: '7', privateKey }
  const token = (name: string): Answer => ({ status: 201, body: { token: name, expires_at: '2099-01-01T00:00:00Z', permissions: { contents: 'write' }, repository_selection: 'selected' } })

  test('looks the installation up per repository and caches its token', async () => {
    const { github, seen } = serve(
      {
        'GET /repos/o/r/installation': [{ status: 200, body: { id: 42 } }],
        'POST /app/installations/42/access_tokens': [token('ghs_one'), token('ghs_git')],
        'GET /repos/o/r': [{ status: 200, body: { full_name: 'o/r' } }],
        'GET /app': [{ status: 200, body: { slug: 'factory' } }],
      },
      { app },
    )
    await github.octokit.rest.repos.get(repo)
    await github.octokit.rest.repos.get(repo)
    expect(seen.filter((call) => call.path === '/repos/o/r').map((call) => call.authorization)).toEqual(['token ghs_one', 'token ghs_one'])
    expect(seen.filter((call) => call.path.endsWith('/installation'))).toHaveLength(1)
    expect(seen.filter((call) => call.path.endsWith('/access_tokens'))).toHaveLength(1)
    expect(await github.gitCredential('o/r')).toEqual({ username: 'x-access-token', password: 'ghs_git' })
    expect(await github.login()).toBe('factory[bot]')
    expect(seen.at(-1)?.authorization).toStartWith('Bearer ey')
  })

  test('an App that is not installed there says so, and is asked again later', async () => {
    const { github, seen } = serve({ 'GET /repos/o/r/installation': [{ status: 404, body: { message: 'Not Found' } }] }, { app })
    for (let i = 0; i < 2; i++) expect(explainGithubError(await github.octokit.rest.repos.get(repo).catch((error: unknown) => error)).code).toBe('repository_not_found')
    expect(seen).toHaveLength(2)
  })
})

test.each([
  [{ url: '/repos/{owner}/{repo}/issues', owner: 'o', repo: 'r' }, 'o/r'],
  [{ url: 'https://api.github.com/repos/o/r.js/issues?page=2' }, 'o/r.js'],
  [{ url: '/user' }, null],
])('repoOf %j', (request, expected) => expect(repoOf(request)).toBe(expected))
