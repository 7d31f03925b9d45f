import { expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGithub } from '@factory/github'
import { startForge } from '@factory/rehearsal'
import { createLogger } from '@factory/shared'
import { forgeContract, type ForgeCall, type ForgeWorld } from '../ports/forge.contract.ts'
import { createGithubForge } from './github-forge.ts'

const REPO = 'acme/shop'
const TOKENS = [
  { token: 'ghp_robot', login: 'robot' },
  { token: 'ghp_reader', login: 'reader', permissions: { contents: 'read', issues: 'read', pull_requests: 'read' } },
  { token: 'ghp_limited', login: 'limited' },
] as const

const ROUTES = {
  'move branch': { method: 'POST', path: `/${REPO}.git/git-receive-pack` },
  'delete ref': { method: 'DELETE', path: `/repos/${REPO}/git/refs/**` },
  'create pull': { method: 'POST', path: `/repos/${REPO}/pulls` },
  'update pull': { method: 'PATCH', path: `/repos/${REPO}/pulls/*` },
} as const satisfies Record<ForgeCall, { method: string; path: string }>

async function run(dir: string, ...args: string[]): Promise<string> {
  const identity = { GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@example.com', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@example.com' }
  const child = Bun.spawn(['git', ...args], { cwd: dir, env: { PATH: process.env.PATH ?? '', HOME: dir, GIT_TERMINAL_PROMPT: '0', ...identity }, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${err}`)
  return out.trim()
}

/** The rehearsal forge over HTTP, with real git behind it. */
async function startWorld(): Promise<ForgeWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'github-forge-'))
  const server = await startForge({ dataDir: join(dir, 'forge'), tokens: TOKENS })
  const { defaultBranch, refs } = await server.createRepo({ name: REPO, from: { 'README.md': 'hello\n', 'src/a.ts': '' } })
  await server.createRepo({ name: 'acme/empty' })
  const client = (token: string, apiUrl = server.apiUrl) =>
    createGithubForge(createGithub({ token, apiUrl, webUrl: server.url, logger: createLogger('test', 'silent'), retryBaseMs: 1, paceMs: 0, timeoutMs: 1500 }))
  const baseSha = refs.get(`refs/heads/${defaultBranch}`) ?? ''
  const remote = `${server.url.replace('://', '://x-access-token:ghp_robot@')}/${REPO}.git`
  const clone = join(dir, 'clone')

  return {
    forge: client('ghp_robot'),
    repo: REPO,
    emptyRepo: 'acme/empty',
    baseSha,
    async commit(name) {
      if (!(await Bun.file(join(clone, 'README.md')).exists())) await run(dir, 'clone', '--quiet', remote, clone)
      await run(clone, 'checkout', '--quiet', '--detach', baseSha)
      await Bun.write(join(clone, `${name}.txt`), name)
      await run(clone, 'add', '.')
      await run(clone, 'commit', '--quiet', '-m', name)
      await run(clone, 'push', '--quiet', 'origin', `HEAD:refs/factory/wip/${name}`)
      return run(clone, 'rev-parse', 'HEAD')
    },
    hasRef: async (ref) => (await run(dir, 'ls-remote', remote, ref)) !== '',
    loseAnswer: (call, how) => void server.fault({ match: ROUTES[call], executeThenFail: true, times: 1, ...(how === 'never answered' ? { timeout: true } : { status: 502 }) }),
    breakDown: () => void server.fault({ status: 502 }),
    hidePulls: () => void server.fault({ match: { method: 'GET', path: `/repos/${REPO}/pulls` }, status: 200, body: [] }),
    async refusePushes(words) {
      const hook = join(server.repo(REPO).dir, 'hooks', 'pre-receive')
      await Bun.write(hook, `#!/bin/sh\necho '${words}' >&2\nexit 1\n`)
      await chmod(hook, 0o755)
    },
    mend: () => server.clearFaults(),
    closePull: async (number) => server.close(REPO, number, 'robot'),
    as(whom) {
      if (whom === 'reader') return client('ghp_reader')
      if (whom === 'nobody') return client('ghp_nobody')
      server.fault({ match: { method: 'GET', path: `/repos/${REPO}` }, secondaryRateLimit: 3600 })
      return client('ghp_limited')
    },
    async stop() {
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

forgeContract('GitHub (rehearsal forge over HTTP)', startWorld)

test('the same as a GitHub App: its own token for each repository, for the API and for git', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'github-forge-'))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  const server = await startForge({ dataDir: join(dir, 'forge'), tokens: [], apps: [{ id: '7', slug: 'factory', publicKey, repos: [REPO] }] })
  try {
    await server.createRepo({ name: REPO, from: { 'README.md': 'hello\n' }, private: true })
    await server.createRepo({ name: 'acme/foreign', from: { a: 'b' }, private: true })
    const github = createGithub({ app: { id: '7', privateKey }, apiUrl: server.apiUrl, webUrl: server.url, logger: createLogger('test', 'silent'), retryBaseMs: 1 })
    const forge = createGithubForge(github)
    const { username, password } = await github.gitCredential(REPO)
    const clone = join(dir, 'clone')
    await run(dir, 'clone', '--quiet', `${server.url.replace('://', `://${username}:${password}@`)}/${REPO}.git`, clone)
    await run(clone, 'commit', '--quiet', '--allow-empty', '-m', 'work')
    await Bun.write(join(clone, 'a.txt'), 'a')
    await run(clone, 'add', '.')
    await run(clone, 'commit', '--quiet', '-m', 'more')
    await run(clone, 'push', '--quiet', 'origin', 'HEAD:refs/factory/wip/7/1')
    expect(await forge.moveBranch(REPO, 'factory/7-x', await run(clone, 'rev-parse', 'HEAD'), null)).toEqual({ kind: 'moved' })
    expect(await forge.createPull({ repo: REPO, head: 'factory/7-x', base: 'main', title: 't', body: 'b' })).toMatchObject({ kind: 'created' })
    expect(await github.login()).toBe('factory[bot]')
    const foreign: unknown = await forge.repository('acme/foreign').catch((error: unknown) => error)
    expect(foreign).toMatchObject({ code: 'repository_not_found' })
  } finally {
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
}, 30_000)

test('a draft that the plan does not offer is opened as an ordinary pull request', async () => {
  const asked: unknown[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body: unknown = await request.json()
      asked.push(body)
      if (JSON.stringify(body).includes('"draft":true')) return Response.json({ message: 'Draft pull requests are not supported in this repository.' }, { status: 422 })
      return Response.json({ number: 1, html_url: 'u', state: 'open', merged_at: null, draft: false, title: 't', body: null, head: { ref: 'h', sha: 's', repo: { full_name: 'o/r' } }, base: { ref: 'main' } }, { status: 201 })
    },
  })
  const url = `http://127.0.0.1:${server.port}`
  const forge = createGithubForge(createGithub({ token: 't', apiUrl: url, webUrl: url, logger: createLogger('test', 'silent') }))
  try {
    expect(await forge.createPull({ repo: 'o/r', head: 'h', base: 'main', title: 't', body: 'b', draft: true })).toMatchObject({ kind: 'created', pull: { draft: false, body: '' } })
    expect(asked).toHaveLength(2)
  } finally {
    await server.stop(true)
  }
})
