import { Hono } from 'hono'
import { accessTo } from '../access.ts'
import { changedFiles, stats, type ChangedFile } from '../diff.ts'
import { commitPayload, listCommits } from '../commits.ts'
import { ApiError, notFound } from '../errors.ts'
import { commitOf, git, mergeBase, tryGit } from '../git.ts'
import { API_PATH, repoPayload, userPayload } from '../payloads.ts'
import { fullName, type Repo, type World } from '../world.ts'
import { page, param, repoOf, type ApiEnv } from './context.ts'

const REPO = '/repos/:owner/:repo'

/** Repositories, their files, branches and commits. */
export function repoRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  app.get(REPO, (c) => {
    const repo = repoOf(world, c, 'read')
    const access = accessTo(c.get('token'), repo, 'contents')
    return c.json({ ...repoPayload(world, repo), permissions: { admin: false, maintain: false, push: access === 'write', triage: access === 'write', pull: access !== 'none' } })
  })

  app.get('/user/repos', (c) => page(world, c, [...world.repos.values()].filter((repo) => accessTo(c.get('token'), repo, 'contents') === 'write'), (repo) => repoPayload(world, repo)))

  app.get(`${REPO}/collaborators/:login/permission`, (c) => {
    const repo = repoOf(world, c, 'read')
    const login = param(c, 'login')
    const known = world.tokens.find((token) => token.login.toLowerCase() === login.toLowerCase())
    const permission = login.toLowerCase() === repo.owner.toLowerCase() ? 'admin' : known ? accessTo(known, repo, 'contents') : repo.private ? 'none' : 'read'
    return c.json({ permission, role_name: permission, user: userPayload(world, login) })
  })

  app.get(`${REPO}/branches`, (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    return page(world, c, branches(repo), ([name, sha]) => ({ name, commit: { sha, url: `${world.publicUrl()}${API_PATH}/repos/${fullName(repo)}/commits/${sha}` }, protected: false }))
  })

  app.get(`${REPO}/branches/:branch{.+}`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const name = param(c, 'branch')
    const sha = repo.refs.get(`refs/heads/${name}`)
    if (sha === undefined) throw notFound('Branch not found')
    return c.json({ name, commit: await oneCommit(world, repo, sha), protected: false })
  })

  app.get(`${REPO}/commits`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const sha = await known(repo, c.req.query('sha') ?? repo.defaultBranch)
    return page(world, c, await listCommits(repo.dir, ['-1000', sha]), (commit) => commitPayload(world, repo, commit))
  })

  app.get(`${REPO}/commits/:ref{.+}`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const sha = await known(repo, param(c, 'ref'), 422)
    const parent = await commitOf(repo.dir, `${sha}^`)
    const files = await changedFiles(repo.dir, parent ?? (await emptyTree(repo)), sha)
    return c.json({ ...(await oneCommit(world, repo, sha)), stats: stats(files), files: files.map(filePayload) })
  })

  app.get(`${REPO}/compare/:basehead{.+}`, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const [baseName = '', headName = ''] = param(c, 'basehead').split('...')
    const [base, head] = [await known(repo, baseName), await known(repo, headName)]
    const fork = await mergeBase(repo.dir, base, head)
    if (!fork) throw notFound(`No common ancestor between ${baseName} and ${headName}.`)
    const [ahead, behind, forkCommit, baseCommit, files] = await Promise.all([listCommits(repo.dir, ['--reverse', `${base}..${head}`]), listCommits(repo.dir, [`${head}..${base}`]), oneCommit(world, repo, fork), oneCommit(world, repo, base), changedFiles(repo.dir, fork, head)])
    const status = base === head ? 'identical' : behind.length === 0 ? 'ahead' : ahead.length === 0 ? 'behind' : 'diverged'
    return c.json({ status, ahead_by: ahead.length, behind_by: behind.length, total_commits: ahead.length, base_commit: baseCommit, merge_base_commit: forkCommit, commits: ahead.map((commit) => commitPayload(world, repo, commit)), files: files.map(filePayload) })
  })

  const contents = `${REPO}/contents/:path{.*}`
  app.get(contents, async (c) => {
    const repo = repoOf(world, c, 'read', 'contents')
    const path = param(c, 'path').replace(/\/+$/, '')
    const ref = c.req.query('ref') ?? repo.defaultBranch
    const commit = await commitOf(repo.dir, ref)
    if (!commit) throw notFound(repo.refs.size === 0 ? 'This repository is empty.' : `No commit found for the ref ${ref}`)
    const entries = await listTree(repo, commit, path)
    const url = (inner: string) => `${world.publicUrl()}${API_PATH}/repos/${fullName(repo)}/contents/${inner}?ref=${encodeURIComponent(ref)}`
    const entry = entries.find((one) => one.path === path)
    if (entry?.type !== 'file') {
      const listed = entry ? await listTree(repo, commit, `${path}/`) : entries
      if (listed.length === 0) throw notFound()
      return c.json(listed.map((one) => ({ ...one, name: one.path.split('/').at(-1), url: url(one.path) })))
    }
    const bytes = await readBlob(repo, entry.sha)
    if (/vnd\.github\.(v3\.)?raw/.test(c.req.header('accept') ?? '')) return c.body(bytes, 200, { 'content-type': 'application/vnd.github.raw; charset=utf-8' })
    // Above 1 MB GitHub leaves the content out and says so by the encoding.
    const small = bytes.byteLength <= 1_048_576
    const content = small ? Buffer.from(bytes).toString('base64').replace(/.{60}/g, '$&\n') : ''
    return c.json({ ...entry, name: path.split('/').at(-1), url: url(path), html_url: `${world.publicUrl()}/${fullName(repo)}/blob/${ref}/${path}`, encoding: small ? 'base64' : 'none', content })
  })

  return app
}

function branches(repo: Repo): [string, string][] {
  return [...repo.refs].flatMap(([ref, sha]): [string, string][] => (ref.startsWith('refs/heads/') ? [[ref.slice(11), sha]] : []))
}

/** @throws ApiError 404 (or 422, where GitHub says so) for what is no commit, 409 in an empty repository */
async function known(repo: Repo, name: string, missing: 404 | 422 = 404): Promise<string> {
  if (repo.refs.size === 0) throw new ApiError(409, 'Git Repository is empty.')
  const plain = name.includes(':') ? name.slice(name.indexOf(':') + 1) : name
  const sha = await commitOf(repo.dir, plain)
  if (!sha) throw missing === 422 ? new ApiError(422, `No commit found for SHA: ${name}`) : notFound()
  return sha
}

async function oneCommit(world: World, repo: Repo, sha: string) {
  const [commit] = await listCommits(repo.dir, ['-1', sha])
  if (!commit) throw notFound()
  return commitPayload(world, repo, commit)
}

const emptyTree = (repo: Repo): Promise<string> => git(repo.dir, ['hash-object', '-t', 'tree', '--stdin'], { input: '' })

async function listTree(repo: Repo, commit: string, path: string) {
  const { code, stdout } = await tryGit(repo.dir, ['ls-tree', '-z', '--long', '--full-tree', commit, ...(path === '' ? [] : ['--', path])])
  if (code !== 0) return []
  return stdout.split('\0').filter(Boolean).map((line) => {
    const tab = line.indexOf('\t')
    const [about, name] = [line.slice(0, tab), line.slice(tab + 1)]
    const [mode, kind, sha = '', size] = about.split(/ +/)
    return { path: name, sha, size: Number(size) || 0, type: kind === 'tree' ? 'dir' : kind === 'commit' ? 'submodule' : mode === '120000' ? 'symlink' : 'file' }
  })
}

async function readBlob(repo: Repo, sha: string): Promise<ArrayBuffer> {
  const child = Bun.spawn(['git', 'cat-file', 'blob', sha], { cwd: repo.dir, stdout: 'pipe', stderr: 'ignore' })
  return new Response(child.stdout).arrayBuffer()
}

export function filePayload(file: ChangedFile) {
  return {
    sha: file.sha,
    filename: file.filename,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    ...(file.previous === null ? {} : { previous_filename: file.previous }),
    ...(file.patch === '' ? {} : { patch: file.patch }),
  }
}
