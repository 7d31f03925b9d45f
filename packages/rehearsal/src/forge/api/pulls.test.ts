import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { failure, stage, type Stage } from '../testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const at = { owner: 'ada', repo: 'shop' }
let s: Stage
beforeEach(async () => {
  s = await stage()
})
afterEach(() => s.end())

const create = (head: string, more: object = {}) => s.octokit.pulls.create({ ...at, title: `Do ${head}`, head, base: 'main', body: 'Closes #1', ...more })

test('a pull request is opened once, with what git says about it', async () => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted' })
  const sha = await s.branch('work', { 'a.txt': 'a\n' })
  const { data } = await create('work', { draft: true })
  expect(data).toMatchObject({ number: 2, state: 'open', draft: true, merged: false, mergeable: true, additions: 1, deletions: 0, changed_files: 1, commits: 1, head: { ref: 'work', sha, label: 'ada:work', repo: { full_name: 'ada/shop' } }, base: { ref: 'main' }, html_url: `${s.forge.url}/ada/shop/pull/2` })
  expect(await failure(create('work'))).toMatchObject({ status: 422, message: expect.stringContaining('A pull request already exists for ada:work.') })
  expect(await failure(create('missing'))).toMatchObject({ status: 422, message: expect.stringContaining('"field":"head","code":"invalid"') })
  expect(await failure(create('work', { base: 'missing' }))).toMatchObject({ status: 422, message: expect.stringContaining('"field":"base","code":"invalid"') })
  expect(await failure(create('main'))).toMatchObject({ status: 422, message: expect.stringContaining('No commits between main and main') })
  expect((await s.octokit.pulls.listFiles({ ...at, pull_number: 2 })).data).toMatchObject([{ filename: 'a.txt', status: 'added', patch: '@@ -0,0 +1 @@\n+a' }])
  expect((await s.octokit.issues.listForRepo(at)).data.map(({ number, pull_request: pull }) => [number, pull !== undefined])).toEqual([[2, true], [1, false]])
})

test('two requests at once open one', async () => {
  await s.branch('work', { 'a.txt': 'a\n' })
  const answers = await Promise.allSettled([create('work'), create('work'), create('work')])
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(s.forge.pulls('ada/shop')).toHaveLength(1)
})

test('lists filter by state and by owner:branch only', async () => {
  await s.branch('one', { 'a.txt': 'a\n' })
  await s.branch('two', { 'b.txt': 'b\n' })
  await create('one')
  await create('two')
  await s.octokit.pulls.update({ ...at, pull_number: 1, state: 'closed' })
  const heads = async (query: object) => (await s.octokit.pulls.list({ ...at, ...query })).data.map(({ head }) => head.ref)
  expect(await heads({})).toEqual(['two'])
  expect(await heads({ state: 'all' })).toEqual(['two', 'one'])
  expect(await heads({ state: 'all', head: 'ada:one' })).toEqual(['one'])
  expect(await heads({ state: 'all', head: 'one' })).toEqual(['two', 'one'])
  expect(await heads({ state: 'all', base: 'other' })).toEqual([])
  await s.octokit.pulls.update({ ...at, pull_number: 1, state: 'open', title: 'Again', body: 'b' })
  expect((await s.octokit.pulls.get({ ...at, pull_number: 1 })).data).toMatchObject({ state: 'open', title: 'Again', body: 'b' })
})

test.each(['merge', 'squash', 'rebase'] as const)('%s really merges and closes the issue it names', async (method) => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted' })
  const sha = await s.branch('work', { 'a.txt': 'a\n' })
  await s.branch('main', { 'meanwhile.txt': 'm\n' })
  await create('work')
  expect(await failure(s.octokit.pulls.merge({ ...at, pull_number: 2, sha: 'b'.repeat(40) }))).toMatchObject({ status: 409 })
  const merged = await s.octokit.pulls.merge({ ...at, pull_number: 2, sha, merge_method: method })
  expect((await s.octokit.git.getRef({ ...at, ref: 'heads/main' })).data.object.sha).toBe(merged.data.sha)
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'merged')
  expect((await s.git(`${s.dir}/merged`, 'ls-files')).out.split('\n')).toEqual(expect.arrayContaining(['a.txt', 'meanwhile.txt']))
  expect((await s.octokit.pulls.get({ ...at, pull_number: 2 })).data).toMatchObject({ state: 'closed', merged: true, merge_commit_sha: merged.data.sha, merged_by: { login: 'factory-bot' }, changed_files: 1 })
  expect(s.forge.issue('ada/shop', 1)).toMatchObject({ state: 'closed', state_reason: 'completed' })
  expect(await failure(s.octokit.pulls.merge({ ...at, pull_number: 2 }))).toMatchObject({ status: 405 })
})

test('a conflict is not mergeable', async () => {
  await s.branch('work', { 'src/cart.ts': 'left\n' })
  await create('work')
  await s.branch('main', { 'src/cart.ts': 'right\n' })
  expect((await s.octokit.pulls.get({ ...at, pull_number: 1 })).data).toMatchObject({ mergeable: false, mergeable_state: 'dirty' })
  expect(await failure(s.octokit.pulls.merge({ ...at, pull_number: 1 }))).toMatchObject({ status: 405, message: expect.stringContaining('not mergeable') })
})

test('a pull request follows its branch and ends with it', async () => {
  await s.branch('work', { 'a.txt': 'a\n' })
  await create('work')
  const work = `${s.dir}/follow`
  await s.git(s.dir, 'clone', '--quiet', '--branch', 'work', s.remote('ada/shop'), work)
  await s.git(work, 'commit', '--quiet', '--allow-empty', '-m', 'More')
  await s.git(work, 'push', '--quiet', 'origin', 'work')
  const head = (await s.git(work, 'rev-parse', 'HEAD')).out.trim()
  expect((await s.octokit.pulls.get({ ...at, pull_number: 1 })).data.head.sha).toBe(head)
  expect((await s.git(work, 'ls-remote', 'origin', 'refs/pull/1/head')).out).toContain(head)
  await s.octokit.git.deleteRef({ ...at, ref: 'heads/work' })
  expect(s.forge.issue('ada/shop', 1).state).toBe('closed')
  expect(await failure(s.octokit.pulls.update({ ...at, pull_number: 1, state: 'open' }))).toMatchObject({ status: 422 })
})

test('pushing its commits to the base merges it', async () => {
  const sha = await s.branch('work', { 'a.txt': 'a\n' })
  await create('work')
  await s.octokit.git.updateRef({ ...at, ref: 'heads/main', sha })
  expect((await s.octokit.pulls.get({ ...at, pull_number: 1 })).data).toMatchObject({ merged: true, state: 'closed', changed_files: 1 })
})

test('reviews and line comments are kept', async () => {
  await s.branch('work', { 'a.txt': 'a\n' })
  const reviewed = await s.forge.openPull('ada/shop', 'ada', { title: 'By Ada', head: 'work', base: 'main' })
  const number = { ...at, pull_number: reviewed.number }
  await s.octokit.pulls.createReview({ ...number, event: 'APPROVE', body: 'good' })
  expect((await s.octokit.pulls.listReviews(number)).data).toMatchObject([{ state: 'APPROVED', user: { login: 'factory-bot' }, body: 'good' }])
  await s.octokit.pulls.createReviewComment({ ...number, body: 'why', path: 'a.txt', line: 1, commit_id: reviewed.pull?.headSha ?? '' })
  expect((await s.octokit.pulls.listReviewComments(number)).data).toMatchObject([{ body: 'why', path: 'a.txt', line: 1 }])
  expect((await s.octokit.pulls.listCommits(number)).data).toHaveLength(1)
})

test('a closed one is reopened while its branch goes on from where it stood, and not after a force-push', async () => {
  const first = await s.branch('work', { 'a.txt': 'a\n' })
  await create('work')
  const set = (state: 'open' | 'closed') => s.octokit.pulls.update({ ...at, pull_number: 1, state })
  await set('closed')
  const work = `${s.dir}/reopen`
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), work)
  await s.git(work, 'checkout', '--quiet', '--orphan', 'fresh')
  await s.git(work, 'commit', '--quiet', '-m', 'Anew')
  await s.git(work, 'push', '--force', 'origin', 'HEAD:refs/heads/work')
  expect(await failure(set('open'))).toMatchObject({ status: 422, message: expect.stringContaining('force-pushed') })
  await s.git(work, 'push', '--force', 'origin', `${first}:refs/heads/work`)
  expect((await set('open')).data.state).toBe('open')
})
