import type { Context } from 'hono'
import { z } from 'zod'
import { openRepo } from '../access.ts'
import { ApiError } from '../errors.ts'
import type { Permission, Repo, Token, World } from '../world.ts'

export type ApiEnv = { Variables: { token: Token } }
type Ctx = Context<ApiEnv>

/** The repository of the path, if the caller's token may do that to it. */
export function repoOf(world: World, c: Ctx, access: 'read' | 'write', ...permission: Permission[]): Repo {
  return openRepo(world, c.get('token'), param(c, 'owner'), param(c, 'repo'), permission.length > 0 ? { permission, access } : undefined)
}

export const param = (c: Ctx, name: string): string => c.req.param(name) ?? ''

/** A number of the path; anything else is not found. */
export function numberOf(c: Ctx, name: string): number {
  const value = Number(param(c, name))
  if (!Number.isSafeInteger(value)) throw new ApiError(404, 'Not Found')
  return value
}

/**
 * The body by a schema. Unknown fields are let pass, as GitHub does.
 * @throws ApiError 400 when it is not JSON, 422 that names the fields
 */
export async function bodyOf<S extends z.ZodType>(c: Ctx, schema: S, resource: string): Promise<z.output<S>> {
  const text = await c.req.text()
  let data: unknown
  try {
    data = text === '' ? {} : JSON.parse(text)
  } catch {
    throw new ApiError(400, 'Problems parsing JSON')
  }
  const parsed = schema.safeParse(data)
  if (parsed.success) return parsed.data
  throw new ApiError(
    422,
    'Validation Failed',
    parsed.error.issues.map((issue) => {
      const field = issue.path.map(String).join('.')
      const missing = issue.code === 'invalid_type' && issue.input === undefined
      if (issue.code === 'custom' || issue.code === 'too_big') return { resource, field, code: 'custom', message: `${field} ${issue.message}` }
      return { resource, field, code: missing ? 'missing_field' : 'invalid' }
    }),
  )
}

/** GitHub counts characters, 65,536 at most, whatever they weigh. */
export const Body = z.string().max(65_536, 'is too long (maximum is 65536 characters)')
export const Title = z.string().trim().min(1).max(256, 'is too long (maximum is 256 characters)')

/** One page of a list, with GitHub's `Link` header. */
export function page<T>(world: World, c: Ctx, all: readonly T[], render: (item: T) => unknown, wrap: (items: unknown[]) => unknown = (items) => items): Response {
  const perPage = Math.min(100, Math.max(1, Number(c.req.query('per_page')) || 30))
  const current = Math.max(1, Number(c.req.query('page')) || 1)
  const last = Math.max(1, Math.ceil(all.length / perPage))
  const link = (number: number, rel: string) => {
    const url = new URL(c.req.url)
    url.searchParams.set('page', String(number))
    return `<${world.publicUrl()}${numbered(world, url.pathname)}${url.search}>; rel="${rel}"`
  }
  const links = [...(current > 1 ? [link(current - 1, 'prev')] : []), ...(current < last ? [link(current + 1, 'next'), link(last, 'last')] : []), ...(current > 1 ? [link(1, 'first')] : [])]
  return c.json(wrap(all.slice((current - 1) * perPage, current * perPage).map(render)), 200, links.length > 0 ? { link: links.join(', ') } : {})
}

/** GitHub's page links name the repository by its number. */
function numbered(world: World, path: string): string {
  return path.replace(/\/repos\/([^/]+\/[^/]+)/, (whole, name: string) => {
    const repo = world.repos.get(decodeURIComponent(name).toLowerCase())
    return repo ? `/repositories/${repo.id}` : whole
  })
}
