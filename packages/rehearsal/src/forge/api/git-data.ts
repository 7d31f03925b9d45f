import { Hono } from 'hono'
import { z } from 'zod'
import { listCommits } from '../commits.ts'
import { ApiError, notFound } from '../errors.ts'
import { commitOf, isAncestor, isRefName, objectType } from '../git.ts'
import { API_PATH } from '../payloads.ts'
import { moveRef } from '../refs.ts'
import { fullName, type Repo, type World } from '../world.ts'
import { bodyOf, page, param, repoOf, type ApiEnv } from './context.ts'

const REPO = '/repos/:owner/:repo'
const NewRef = z.looseObject({ ref: z.string(), sha: z.string() })
const MovedRef = z.looseObject({ sha: z.string(), force: z.boolean().default(false) })

/** References and bare objects ("Git database" in GitHub's manual). */
export function gitDataRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  app.get(`${REPO}/git/ref/:ref{.+}`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const ref = `refs/${param(c, 'ref')}`
    const sha = repo.refs.get(ref)
    if (repo.refs.size === 0) throw new ApiError(409, 'Git Repository is empty.')
    if (sha === undefined) throw notFound()
    return c.json(await refPayload(world, repo, ref, sha))
  })

  app.get(`${REPO}/git/matching-refs/:ref{.*}`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const start = `refs/${param(c, 'ref')}`
    const found = await Promise.all([...repo.refs].filter(([ref]) => ref.startsWith(start)).map(([ref, sha]) => refPayload(world, repo, ref, sha)))
    return page(world, c, found, (ref) => ref)
  })

  app.post(`${REPO}/git/refs`, async (c) => {
    const repo = repoOf(world, c, 'write', 'contents')
    const { ref, sha } = await bodyOf(c, NewRef, 'Reference')
    if (!/^refs\/[^/]+\/.+/.test(ref) || !(await isRefName(repo.dir, ref))) throw new ApiError(422, `${ref} is not a valid ref name.`)
    if (repo.refs.size === 0) throw new ApiError(409, 'Git Repository is empty.')
    await needObject(repo, ref, sha)
    if (!(await moveRef(world, repo, c.get('token').login, ref, null, sha))) throw new ApiError(422, repo.refs.has(ref) ? 'Reference already exists' : 'Reference update failed')
    return c.json(await refPayload(world, repo, ref, sha), 201)
  })

  app.patch(`${REPO}/git/refs/:ref{.+}`, async (c) => {
    const repo = repoOf(world, c, 'write', 'contents')
    const ref = `refs/${param(c, 'ref')}`
    const { sha, force } = await bodyOf(c, MovedRef, 'Reference')
    const before = repo.refs.get(ref)
    if (before === undefined) throw new ApiError(422, 'Reference does not exist')
    await needObject(repo, ref, sha)
    if (!force && !(await isAncestor(repo.dir, before, sha))) throw new ApiError(422, 'Update is not a fast forward')
    if (before !== sha && !(await moveRef(world, repo, c.get('token').login, ref, before, sha))) throw new ApiError(422, 'Reference cannot be updated')
    return c.json(await refPayload(world, repo, ref, sha))
  })

  app.delete(`${REPO}/git/refs/:ref{.+}`, async (c) => {
    const repo = repoOf(world, c, 'write', 'contents')
    const ref = `refs/${param(c, 'ref')}`
    const before = repo.refs.get(ref)
    if (before === undefined) throw new ApiError(422, 'Reference does not exist')
    if (ref === `refs/heads/${repo.defaultBranch}`) throw new ApiError(422, 'Cannot delete the default branch')
    if (!(await moveRef(world, repo, c.get('token').login, ref, before, null))) throw new ApiError(422, 'Reference cannot be updated')
    return c.body(null, 204)
  })

  app.get(`${REPO}/git/commits/:sha`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const sha = await commitOf(repo.dir, param(c, 'sha'))
    const [commit] = sha ? await listCommits(repo.dir, ['-1', sha]) : []
    if (!commit) throw notFound()
    return c.json({ sha: commit.sha, message: commit.message, author: commit.author, committer: commit.committer, tree: { sha: commit.tree }, parents: commit.parents.map((parent) => ({ sha: parent })) })
  })

  return app
}

/** Branches stand on commits; other refs may name any object. @throws ApiError 422 */
async function needObject(repo: Repo, ref: string, sha: string): Promise<void> {
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new ApiError(422, 'The sha parameter must be exactly 40 characters and contain only [0-9a-f].')
  const type = await objectType(repo.dir, sha)
  if (type === null) throw new ApiError(422, 'Object does not exist')
  if (ref.startsWith('refs/heads/') && type !== 'commit') throw new ApiError(422, 'Reference update failed: a branch must be a commit')
}

async function refPayload(world: World, repo: Repo, ref: string, sha: string) {
  const type = (await objectType(repo.dir, sha)) ?? 'commit'
  const url = `${world.publicUrl()}${API_PATH}/repos/${fullName(repo)}/git`
  return { ref, node_id: Buffer.from(`Ref:${repo.id}:${ref}`).toString('base64'), url: `${url}/${ref}`, object: { sha, type, url: `${url}/${type}s/${sha}` } }
}
