import { ApiError, notFound } from './errors.ts'
import { fullName, repoKey, type Access, type Permission, type Repo, type Token, type World } from './world.ts'

/** Whose token an `Authorization` header carries: `token X`, `Bearer X`, or X as Basic's password. */
export function readToken(world: World, header: string | null): Token | null {
  const [scheme = '', value = ''] = (header ?? '').split(/\s+/, 2)
  let secret = value
  if (/^basic$/i.test(scheme)) secret = Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':')
  else if (!/^(token|bearer)$/i.test(scheme)) return null
  return world.tokens.find((token) => token.token === secret && !(token.expiresAt && token.expiresAt <= world.now())) ?? null
}

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 }

/** What a token may do with a part of a repository. */
export function accessTo(token: Token, repo: Repo, permission: Permission): Access {
  const covered = !token.repos || token.repos.some((name) => name.toLowerCase() === fullName(repo).toLowerCase())
  const granted = covered ? (token.permissions?.[permission] ?? 'write') : 'none'
  return !repo.private && granted === 'none' ? 'read' : granted
}

/** Private repositories are invisible to a token that does not cover them. */
export function canSee(token: Token, repo: Repo): boolean {
  return !repo.private || !token.repos || token.repos.some((name) => name.toLowerCase() === fullName(repo).toLowerCase())
}

/**
 * The repository, if the token may see it and has one of the rights.
 * @throws ApiError 404, 403
 */
export function openRepo(world: World, token: Token, owner: string, name: string, needs?: { permission: readonly Permission[]; access: 'read' | 'write' }): Repo {
  const repo = world.repos.get(repoKey(owner, name.replace(/\.git$/, '')))
  if (!repo || !canSee(token, repo)) throw notFound()
  if (!needs) return repo
  if (!needs.permission.some((permission) => RANK[accessTo(token, repo, permission)] >= RANK[needs.access])) {
    throw new ApiError(403, `Resource not accessible by ${token.app ? 'integration' : 'personal access token'}`, undefined, { 'x-accepted-github-permissions': needs.permission.map((permission) => `${permission}=${needs.access}`).join('; ') })
  }
  if (repo.archived && needs.access === 'write') throw new ApiError(403, 'Repository was archived so is read-only.')
  return repo
}
