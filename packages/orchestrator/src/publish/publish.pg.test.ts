import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGithub } from '@factory/github'
import { startForge, type Forge as Server, type ForgeToken } from '@factory/rehearsal'
import { describeWith } from '@factory/rehearsal/testing'
import { createLogger } from '@factory/shared'
import { createGithubForge } from '../adapters/github-forge.ts'
import type { Context } from '../context.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { getItem } from '../work/read.ts'
import { retryWork } from '../work/retry.ts'
import { dueEffects } from './due.ts'
import { publishPullRequest } from './publish.ts'
import { owe, type Owed } from './testing.ts'

const REPO = 'acme/app'
const MIGHTY: ForgeToken = { token: 'ghp_mighty', login: 'robot' }
/** May push, but may not open pull requests. */
const WEAK: ForgeToken = { token: 'ghp_weak', login: 'robot', permissions: { pull_requests: 'read' } }

let ctx: TestContext
let server: Server
let dir: string

async function git(...args: string[]): Promise<string> {
  const child = Bun.spawn(['git', ...args], { cwd: dir, env: { PATH: process.env.PATH ?? '', HOME: dir, GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@example.com', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@example.com' }, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(err)
  return out.trim()
}

/** Verified work as a run leaves it: a commit under a wip ref, none of whose likes is an ancestor of another. */
async function work(name: string): Promise<Owed & { headSha: string }> {
  const headSha = await commit(name)
  return { ...(await owe(ctx, { repo: REPO, headSha })), headSha }
}

async function commit(name: string): Promise<string> {
  await git('-C', 'clone', 'checkout', '--quiet', '--detach', 'origin/main')
  await Bun.write(join(dir, 'clone', `${name}.txt`), name)
  await git('-C', 'clone', 'add', '.')
  await git('-C', 'clone', 'commit', '--quiet', '-m', name)
  const headSha = await git('-C', 'clone', 'rev-parse', 'HEAD')
  await git('-C', 'clone', 'push', '--quiet', 'origin', `HEAD:refs/factory/wip/${name}`)
  return headSha
}

/** A publisher with a forge client of its own, as each orchestrator has. Its calls' clock is the test's. */
function publisher(token: ForgeToken = MIGHTY): Context {
  const github = createGithub({ token: token.token, apiUrl: server.apiUrl, webUrl: server.url, logger: createLogger('test', 'silent'), retryBaseMs: 1, timeoutMs: 1000, now: ctx.clock.now })
  return { ...ctx, forge: createGithubForge(github) }
}

/** Publishes whatever is due, round after round, while time passes; until nothing is left to do. */
async function publishAll(as: Context, rounds = 40): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const due of await dueEffects(ctx, 10)) await publishPullRequest(as, due)
    ctx.clock.advance(60)
  }
}

const branchHead = async (branch: string) => (await git('ls-remote', join(server.repo(REPO).dir), `refs/heads/${branch}`)).split('\t')[0]

describeWith(['postgres'], 'publishing on a forge', () => {
  beforeEach(async () => {
    ctx = await testContext()
    dir = await mkdtemp(join(tmpdir(), 'publish-'))
    server = await startForge({ dataDir: join(dir, 'forge'), tokens: [MIGHTY, WEAK], now: ctx.clock.now })
    await server.createRepo({ name: REPO, from: { 'README.md': 'hello\n' } })
    await git('clone', '--quiet', `${server.url.replace('://', `://x:${MIGHTY.token}@`)}/${REPO}.git`, 'clone')
  })
  afterEach(async () => {
    await server.stop()
    await ctx.db.drop()
    await rm(dir, { recursive: true, force: true })
  })

  test('after the last try the item says what is missing, and a retry takes up there', async () => {
    const { itemId, branch, headSha } = await work('one')
    await publishAll(publisher(WEAK))
    const failed = await getItem(ctx, itemId)
    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'repository_forbidden' } })
    expect(failed.failure?.message).toContain('pull_requests=write')
    expect(failed.failure?.message).toContain('A retry takes up there')
    expect(server.pulls(REPO)).toEqual([])
    expect(await branchHead(branch)).toBe(headSha)

    expect((await retryWork(ctx, itemId, 'the token has the right now')).status).toBe('publishing')
    await publishAll(publisher(), 1)
    expect(await getItem(ctx, itemId)).toMatchObject({ status: 'completed', pull: { number: 1 } })
    expect(server.pullsPerHead(REPO)).toEqual({ [branch]: 1 })
    expect(await ctx.db.sql`select 1 from runs where item_id = ${itemId}`).toHaveLength(0)
  })

  test('a rule that refuses the branch is told in its words', async () => {
    const { itemId } = await work('one')
    const hook = join(server.repo(REPO).dir, 'hooks', 'pre-receive')
    await Bun.write(hook, '#!/bin/sh\necho "GH013: Branch names need a ticket" >&2\nexit 1\n')
    await Bun.spawn(['chmod', '+x', hook]).exited
    await publishAll(publisher(), 2)
    const { status, failure } = await getItem(ctx, itemId)
    expect({ status, code: failure?.code }).toEqual({ status: 'failed', code: 'push_refused' })
    expect(failure?.message).toContain('GH013: Branch names need a ticket')
  })

  test('being told to wait is no failed try: it is obeyed to the second, by everything that this process sends', async () => {
    const [one, two] = [await work('one'), await work('two')]
    const as = publisher()
    server.fault({ match: { method: 'POST', path: `/repos/${REPO}/pulls` }, secondaryRateLimit: 3600, times: 1 })
    await publishPullRequest(as, one.effect)
    const sent = server.requests.length
    await publishPullRequest(as, two.effect)
    expect(server.requests.length).toBe(sent)
    const rows = await ctx.db.sql<{ attempts: number; status: string }[]>`select attempts, status from effects order by id`
    expect(rows.map(({ attempts, status }) => ({ attempts, status }))).toEqual([{ attempts: 0, status: 'pending' }, { attempts: 0, status: 'pending' }])
    ctx.clock.advance(3590)
    expect(await dueEffects(ctx, 10)).toEqual([])
    ctx.clock.advance(11)
    await publishAll(as, 1)
    expect(server.pullsPerHead(REPO)).toEqual({ [one.branch]: 1, [two.branch]: 1 })
  })

  test('a forge that says "later" for ever is a failure after a day, with words', async () => {
    const { itemId } = await work('one')
    const as = publisher()
    server.fault({ match: { method: 'POST', path: `/repos/${REPO}/pulls` }, secondaryRateLimit: 3 * 3600 })
    const began = ctx.clock.now().getTime()
    for (let step = 0; step < 100 && (await getItem(ctx, itemId)).status === 'publishing'; step++) {
      for (const due of await dueEffects(ctx, 10)) await publishPullRequest(as, due)
      ctx.clock.advance(1800)
    }
    const hours = (ctx.clock.now().getTime() - began) / 3_600_000
    expect(hours).toBeGreaterThan(20)
    expect(hours).toBeLessThanOrEqual(25)
    const { failure } = await getItem(ctx, itemId)
    expect(failure?.code).toBe('rate_limited')
    expect(failure?.message).toContain('asks to wait, for longer than a day')
  })

  test.each(['closed', 'closed, and its branch deleted'] as const)('a pull request that a person %s is opened again with the new work, never doubled', async (how) => {
    const { itemId, branch, headSha } = await work('new')
    // What an earlier try published, on a history of its own, before a person closed it and asked anew.
    const older = await commit('old')
    await git('-C', 'clone', 'push', '--quiet', 'origin', `${older}:refs/heads/${branch}`)
    await server.openPull(REPO, MIGHTY.login, { title: 'old', head: branch, base: 'main' })
    server.close(REPO, 1, 'ada')
    if (how !== 'closed') await git('-C', 'clone', 'push', '--quiet', 'origin', `:refs/heads/${branch}`)
    await publishAll(publisher(), 1)
    expect(await getItem(ctx, itemId)).toMatchObject({ status: 'completed', pull: { number: 1 } })
    expect(server.pulls(REPO)).toMatchObject([{ number: 1, state: 'open', head: { sha: headSha }, title: 'Add a greeting' }])
    expect(server.pullsPerHead(REPO)).toEqual({ [branch]: 1 })
  })

  test.each([11, 12, 13])('a forge that refuses, loses and drops a tenth of all answers (seed %i): one pull request an item', async (seed) => {
    const owed: Owed[] = []
    for (const name of ['one', 'two', 'three', 'four', 'five']) owed.push(await work(name))
    server.setFaultRates({ seed, refuse: 0.1, executeThenFail: 0.1, hang: 0.02, executeThenHang: 0.02 })
    const [left, right] = [publisher(), publisher()]
    for (let round = 0; round < 40 && (await ctx.db.sql`select 1 from effects where status = 'pending'`).length > 0; round++) {
      const due = await dueEffects(ctx, 10)
      await Promise.all([left, right].flatMap((as) => due.map((effect) => publishPullRequest(as, effect))))
      ctx.clock.advance(600)
    }
    server.clearFaults()
    for (const { itemId } of owed) expect((await getItem(ctx, itemId)).status).toBe('completed')
    expect(server.pullsPerHead(REPO)).toEqual(Object.fromEntries(owed.map(({ branch }) => [branch, 1])))
  })
})
