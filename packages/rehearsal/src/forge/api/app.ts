import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import { readToken } from '../access.ts'
import { ApiError, notFound } from '../errors.ts'
import { API_PATH, userPayload } from '../payloads.ts'
import { fullName, type Token, type World } from '../world.ts'
import { param, type ApiEnv } from './context.ts'
import { appRoutes } from './apps.ts'
import { gitDataRoutes } from './git-data.ts'
import { issueRoutes } from './issues.ts'
import { labelRoutes } from './labels.ts'
import { pullRoutes } from './pulls.ts'
import { repoRoutes } from './repos.ts'

export type RestOptions = { /** Requests an hour and token; GitHub gives 5000. */ hourlyLimit: number }

/** The REST API. Every answer carries the rate limit's headers, every GET an ETag. */
export function restApp(world: World, { hourlyLimit }: RestOptions): Hono<ApiEnv> {
  const windows = new Map<string, { used: number; reset: number }>()

  const windowOf = (token: Token) => {
    const now = Math.floor(world.now().getTime() / 1000)
    const known = windows.get(token.token)
    if (known && known.reset > now) return known
    const fresh = { used: 0, reset: now + 3600 }
    windows.set(token.token, fresh)
    return fresh
  }
  const limits = (token: Token) => {
    const { used, reset } = windowOf(token)
    return { limit: hourlyLimit, remaining: Math.max(0, hourlyLimit - used), used, reset }
  }

  const app = new Hono<ApiEnv>().basePath(API_PATH)

  // Before the tokens are asked for: these routes have their own proof.
  app.route('/', appRoutes(world))

  app.use(async (c, next) => {
    const token = readToken(world, c.req.header('authorization') ?? null)
    if (!token) throw new ApiError(401, c.req.header('authorization') === undefined ? 'Requires authentication' : 'Bad credentials')
    c.set('token', token)
    const free = c.req.path.endsWith('/rate_limit')
    const window = windowOf(token)
    if (!free && window.used >= hourlyLimit) {
      throw new ApiError(403, `API rate limit exceeded for user ID ${userPayload(world, token.login).id}.`, undefined, headersOf(limits(token)))
    }
    if (!free) window.used += 1
    await next()
    const etag = c.req.method === 'GET' && c.res.status === 200 ? await tag(c.res) : null
    if (etag !== null && matches(c.req.header('if-none-match'), etag)) {
      // Not modified: GitHub does not count it.
      if (!free) window.used -= 1
      c.res = new Response(null, { status: 304 })
    }
    if (etag !== null) c.res.headers.set('etag', etag)
    for (const [name, value] of Object.entries(headersOf(limits(token)))) c.res.headers.set(name, value)
    if (token.scopes) c.res.headers.set('x-oauth-scopes', token.scopes.join(', '))
    c.res.headers.set('x-github-media-type', 'github.v3; format=json')
  })

  app.get('/user', (c) => {
    if (c.get('token').app) throw new ApiError(403, 'Resource not accessible by integration')
    return c.json({ ...userPayload(world, c.get('token').login), name: c.get('token').login })
  })
  app.get('/users/:login', (c) => c.json(userPayload(world, param(c, 'login'))))
  app.get('/rate_limit', (c) => {
    const core = limits(c.get('token'))
    return c.json({ resources: { core, search: core, graphql: core }, rate: core })
  })
  for (const routes of [repoRoutes(world), gitDataRoutes(world), issueRoutes(world), labelRoutes(world), pullRoutes(world)]) app.route('/', routes)

  app.notFound(() => notFound().toResponse())
  app.onError((error) => {
    if (error instanceof ApiError) return error.toResponse()
    return new ApiError(500, `The rehearsal forge failed: ${error.message}`).toResponse()
  })
  return app
}

/** `/repositories/7/…`, which GitHub's own page links use, is the repository with that number. */
export function resolveNumber(world: World, path: string): string {
  return path.replace(/\/repositories\/(\d+)(?=\/|$)/, (whole, id: string) => {
    const repo = [...world.repos.values()].find((one) => one.id === Number(id))
    return repo ? `/repos/${fullName(repo)}` : whole
  })
}

function headersOf({ limit, remaining, used, reset }: { limit: number; remaining: number; used: number; reset: number }): Record<string, string> {
  return { 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': String(remaining), 'x-ratelimit-used': String(used), 'x-ratelimit-reset': String(reset), 'x-ratelimit-resource': 'core' }
}

async function tag(response: Response): Promise<string> {
  return `W/"${createHash('sha256').update(Buffer.from(await response.clone().arrayBuffer())).update(response.headers.get('link') ?? '').digest('hex')}"`
}

/** Weak comparison, and `*`. */
function matches(header: string | undefined, etag: string): boolean {
  const plain = (one: string) => one.trim().replace(/^W\//, '')
  return header !== undefined && header.split(',').some((one) => one.trim() === '*' || plain(one) === plain(etag))
}
