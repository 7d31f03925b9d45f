import { randomBytes, verify } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { ApiError, invalid, notFound } from '../errors.ts'
import { API_PATH, repoPayload, userPayload } from '../payloads.ts'
import { fullName, PERMISSIONS, repoKey, type Access, type App, type Permission, type Repo, type Token, type World } from '../world.ts'
import { bodyOf, numberOf, param, type ApiEnv } from './context.ts'

const Claims = z.looseObject({ iss: z.union([z.string(), z.number()]).transform(String), iat: z.number(), exp: z.number() })
const AccessToken = z.looseObject({ repositories: z.array(z.string()).optional(), permissions: z.record(z.string(), z.enum(['read', 'write', 'admin'])).optional() })

/** Ten minutes, as GitHub allows, and its tolerance for clocks. */
const LONGEST = 600
const TOLERANCE = 60
const TOKEN_LIFE = 3_600_000

/** The routes of GitHub Apps: a JWT signed with the App's key becomes a token of an installation. */
export function appRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  app.get('/app', (c) => {
    const { id, slug } = signer(world, c)
    return c.json({ id: Number(id), slug, name: slug, owner: userPayload(world, 'factory'), permissions: granted(undefined) })
  })

  app.get('/repos/:owner/:repo/installation', (c) => {
    const known = signer(world, c)
    const repo = world.repos.get(repoKey(param(c, 'owner'), param(c, 'repo')))
    if (!repo || !covers(known, repo)) throw notFound()
    return c.json({ id: installationOf(repo.owner), account: userPayload(world, repo.owner), app_id: Number(known.id), app_slug: known.slug, repository_selection: known.repos ? 'selected' : 'all', permissions: granted(undefined), access_tokens_url: `${world.publicUrl()}${API_PATH}/app/installations/${installationOf(repo.owner)}/access_tokens` })
  })

  app.post('/app/installations/:id/access_tokens', async (c) => {
    const known = signer(world, c)
    const id = numberOf(c, 'id')
    const reachable = [...world.repos.values()].filter((repo) => covers(known, repo) && installationOf(repo.owner) === id)
    if (reachable.length === 0) throw notFound()
    const { repositories, permissions } = await bodyOf(c, AccessToken, 'AccessToken')
    const chosen = repositories ? reachable.filter((repo) => repositories.some((name) => name.toLowerCase() === repo.name.toLowerCase())) : reachable
    if (repositories && chosen.length < repositories.length) throw invalid({ resource: 'AccessToken', code: 'invalid', field: 'repositories', message: 'There is at least one repository that does not exist or is not accessible to the parent installation.' })
    const token: Token = {
      token: `ghs_${randomBytes(18).toString('hex')}`,
      login: `${known.slug}[bot]`,
      app: true,
      repos: chosen.map(fullName),
      permissions: granted(permissions),
      expiresAt: new Date(world.now().getTime() + TOKEN_LIFE),
    }
    world.tokens.push(token)
    const expires = `${new Date(world.now().getTime() + TOKEN_LIFE).toISOString().slice(0, 19)}Z`
    return c.json({ token: token.token, expires_at: expires, permissions: token.permissions, repository_selection: repositories ? 'selected' : 'all', ...(repositories ? { repositories: chosen.map((repo) => repoPayload(world, repo)) } : {}) }, 201)
  })

  return app
}

/** One installation per owner, as at GitHub; its number is stable. */
const installationOf = (owner: string): number => Bun.hash.crc32(`installation:${owner.toLowerCase()}`)

const covers = (app: App, repo: Repo): boolean => !app.repos || app.repos.some((name) => name.toLowerCase() === fullName(repo).toLowerCase())

/** What a token was asked for and nothing else; without a wish, everything. */
function granted(wanted: Record<string, string> | undefined): Partial<Record<Permission, Access>> {
  return Object.fromEntries(PERMISSIONS.map((permission): [Permission, Access] => [permission, wanted === undefined || wanted[permission] === 'write' ? 'write' : wanted[permission] === 'read' ? 'read' : 'none']))
}

/** The App whose key signed the JWT of the request. @throws ApiError 401 in GitHub's words */
function signer(world: World, c: Context<ApiEnv>): App {
  const [, jwt = ''] = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '') ?? []
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const claims = Claims.safeParse(readJson(payload))
  if (!claims.success) throw new ApiError(401, 'A JSON web token could not be decoded')
  const app = world.apps.find(({ id }) => id === claims.data.iss)
  if (!app) throw new ApiError(401, 'Integration not found')
  if (!verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), app.publicKey, Buffer.from(signature, 'base64url'))) throw new ApiError(401, 'A JSON web token could not be decoded')
  const now = world.now().getTime() / 1000
  if (claims.data.exp < now) throw new ApiError(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
  if (claims.data.exp > now + LONGEST + TOLERANCE) throw new ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
  if (claims.data.iat > now + TOLERANCE) throw new ApiError(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
  return app
}

function readJson(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    return null
  }
}
