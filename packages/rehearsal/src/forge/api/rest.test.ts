import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { failure, stage, TOKEN, type Stage } from '../testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const at = { owner: 'ada', repo: 'shop' }
let s: Stage
let now = new Date('2026-03-01T10:00:00.500Z')
beforeEach(async () => {
  now = new Date('2026-03-01T10:00:00.500Z')
  s = await stage({
    now: () => now,
    tokens: [
      { token: TOKEN, login: 'factory-bot', scopes: ['repo'] },
      { token: 'reader', login: 'rita', permissions: { contents: 'read', issues: 'read', pull_requests: 'read' } },
      { token: 'narrow', login: 'nina', repos: ['ada/other'] },
    ],
  })
})
afterEach(() => s.end())

const later = (seconds: number) => {
  now = new Date(now.getTime() + seconds * 1000)
}

describe('who may do what', () => {
  test('no or an unknown token is 401', async () => {
    expect(await failure(s.as('nobody').users.getAuthenticated())).toMatchObject({ status: 401, message: expect.stringContaining('Bad credentials') })
    expect((await fetch(`${s.forge.apiUrl}/user`)).status).toBe(401)
    expect((await s.octokit.users.getAuthenticated()).data.login).toBe('factory-bot')
  })

  test('a token without the right is 403 and is told which one it needs', async () => {
    const failed = await failure(s.as('reader').issues.createComment({ ...at, issue_number: s.forge.openIssue('ada/shop', 'ada', { title: 'x' }).number, body: 'hi' }))
    expect(failed).toMatchObject({ status: 403, message: expect.stringContaining('Resource not accessible by personal access token'), headers: { 'x-accepted-github-permissions': 'issues=write; pull_requests=write' } })
    expect((await s.as('reader').repos.get(at)).data.permissions?.push).toBe(false)
  })

  test('a private repository that the token does not cover is 404, an archived one read-only', async () => {
    await s.forge.createRepo({ name: 'ada/secret', private: true, from: { a: 'a' } })
    expect(await failure(s.as('narrow').repos.get({ owner: 'ada', repo: 'secret' }))).toMatchObject({ status: 404, message: expect.stringContaining('Not Found') })
    expect((await s.as('narrow').repos.get(at)).data.full_name).toBe('ada/shop')
    expect(await failure(s.as('narrow').issues.addLabels({ ...at, issue_number: 1, labels: ['a'] }))).toMatchObject({ status: 403 })
    await s.forge.createRepo({ name: 'ada/old', archived: true, from: { a: 'a' } })
    expect(await failure(s.octokit.issues.create({ owner: 'ada', repo: 'old', title: 'x' }))).toMatchObject({ status: 403, message: expect.stringContaining('read-only') })
  })
})

describe('answers', () => {
  test('carry an ETag that makes the next one 304 until something changes, and the rate limit', async () => {
    s.forge.openIssue('ada/shop', 'ada', { title: 'First' })
    const { headers } = await s.octokit.issues.listForRepo(at)
    // Before the assertion: Bun's toMatchObject writes its matchers into what it looks at.
    const etag = headers.etag ?? ''
    expect(headers).toMatchObject({ etag: expect.stringMatching(/^W\/"/), 'x-ratelimit-limit': '1000000', 'x-ratelimit-resource': 'core', 'x-oauth-scopes': 'repo' })
    const again = () => s.octokit.issues.listForRepo({ ...at, headers: { 'if-none-match': etag } })
    expect(await failure(again())).toMatchObject({ status: 304 })
    later(1)
    s.forge.comment('ada/shop', 1, 'ada', 'news')
    expect((await again()).data[0]?.comments).toBe(1)
  })

  test('a used-up hourly limit is 403 with nothing remaining until the reset; a 304 does not count', async () => {
    const small = await stage({ hourlyLimit: 3, now: () => now })
    try {
      const { headers } = await small.octokit.repos.get(at)
      for (let index = 0; index < 5; index += 1) expect(await failure(small.octokit.repos.get({ ...at, headers: { 'if-none-match': headers.etag ?? '' } }))).toMatchObject({ status: 304 })
      await small.octokit.repos.get(at)
      await small.octokit.repos.get(at)
      expect(await failure(small.octokit.repos.get(at))).toMatchObject({ status: 403, message: expect.stringContaining('API rate limit exceeded'), headers: { 'x-ratelimit-remaining': '0' } })
      expect((await small.octokit.rateLimit.get()).data.rate).toMatchObject({ remaining: 0, limit: 3 })
      later(3601)
      expect((await small.octokit.repos.get(at)).status).toBe(200)
    } finally {
      await small.end()
    }
  })

  test('lists come in pages, whose links name the repository by number', async () => {
    for (let index = 1; index <= 45; index += 1) s.forge.openIssue('ada/shop', 'ada', { title: `Issue ${index}` })
    const first = await s.octokit.issues.listForRepo({ ...at, per_page: 20 })
    expect(first.data).toHaveLength(20)
    expect(first.data[0]?.title).toBe('Issue 45')
    expect(first.headers.link).toMatch(/\/repositories\/\d+\/issues\?per_page=20&page=2>; rel="next", .*page=3>; rel="last"/)
    const all = await s.octokit.paginate(s.octokit.issues.listForRepo, { ...at, per_page: 20 })
    expect(new Set(all.map(({ number }) => number)).size).toBe(45)
  })

  test('broken JSON is 400, wrong fields are 422 and named', async () => {
    const post = (body: string) => fetch(`${s.forge.apiUrl}/repos/ada/shop/issues`, { method: 'POST', body, headers: { authorization: `Bearer ${TOKEN}` } })
    expect((await post('{')).status).toBe(400)
    const missing = await post('{}')
    expect(missing.status).toBe(422)
    expect(await missing.json()).toMatchObject({ message: 'Validation Failed', errors: [{ resource: 'Issue', field: 'title', code: 'missing_field' }] })
    expect(await (await post(JSON.stringify({ title: 'x', body: 'y'.repeat(65_537) }))).json()).toMatchObject({ errors: [{ field: 'body', code: 'custom', message: 'body is too long (maximum is 65536 characters)' }] })
  })

  test('what is not there is 404', async () => {
    expect((await fetch(`${s.forge.apiUrl}/repos/ada/shop/nonsense`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(404)
    expect(await failure(s.octokit.issues.get({ ...at, issue_number: 99 }))).toMatchObject({ status: 404 })
    expect(await failure(s.octokit.repos.get({ owner: 'ada', repo: 'none' }))).toMatchObject({ status: 404 })
  })
})

describe('files, branches, commits', () => {
  test('a file is base64, a folder a list, a missing one 404', async () => {
    const { data } = await s.octokit.repos.getContent({ ...at, path: 'src/cart.ts' })
    if (Array.isArray(data) || data.type !== 'file' || !('content' in data)) throw new Error('not a file')
    expect(Buffer.from(data.content, 'base64').toString()).toBe('export const cart = []\n')
    const folder = await s.octokit.repos.getContent({ ...at, path: 'src' })
    expect(folder.data).toMatchObject([{ type: 'file', path: 'src/cart.ts', name: 'cart.ts' }])
    expect(await failure(s.octokit.repos.getContent({ ...at, path: '.factory.yml' }))).toMatchObject({ status: 404 })
    expect(await failure(s.octokit.repos.getContent({ ...at, path: 'README.md', ref: 'nope' }))).toMatchObject({ status: 404 })
    await s.branch('work', { 'only.txt': 'here' })
    expect((await s.octokit.repos.getContent({ ...at, path: 'only.txt', ref: 'work' })).status).toBe(200)
  })

  test('commits and comparisons come from git', async () => {
    const sha = await s.branch('work', { 'a.txt': 'one\ntwo\n', 'src/cart.ts': 'export const cart = [1]\n' })
    const { data } = await s.octokit.repos.getCommit({ ...at, ref: 'work' })
    expect(data).toMatchObject({ sha, commit: { message: 'Change work' }, stats: { additions: 3, deletions: 1 } })
    const compared = await s.octokit.repos.compareCommitsWithBasehead({ ...at, basehead: 'main...work' })
    expect(compared.data).toMatchObject({ status: 'ahead', ahead_by: 1, behind_by: 0, files: [{ filename: 'a.txt', status: 'added', additions: 2, patch: '@@ -0,0 +1,2 @@\n+one\n+two' }, { filename: 'src/cart.ts', status: 'modified' }] })
    expect((await s.octokit.repos.compareCommitsWithBasehead({ ...at, basehead: 'work...main' })).data).toMatchObject({ status: 'behind', behind_by: 1, files: [] })
    expect((await s.octokit.repos.getBranch({ ...at, branch: 'work' })).data.commit.sha).toBe(sha)
    expect(await failure(s.octokit.repos.getBranch({ ...at, branch: 'none' }))).toMatchObject({ status: 404 })
  })

  test('refs are made, moved and deleted under rules', async () => {
    const sha = await s.branch('work', { 'a.txt': 'a' })
    const main = (await s.octokit.git.getRef({ ...at, ref: 'heads/main' })).data.object.sha
    await s.octokit.git.createRef({ ...at, ref: 'refs/heads/factory/1-x', sha })
    expect(await failure(s.octokit.git.createRef({ ...at, ref: 'refs/heads/factory/1-x', sha }))).toMatchObject({ status: 422, message: expect.stringContaining('Reference already exists') })
    expect(await failure(s.octokit.git.createRef({ ...at, ref: 'refs/heads/y', sha: 'a'.repeat(40) }))).toMatchObject({ status: 422, message: expect.stringContaining('Object does not exist') })
    expect(await failure(s.octokit.git.createRef({ ...at, ref: 'refs/heads/a..b', sha }))).toMatchObject({ status: 422, message: expect.stringContaining('not a valid ref name') })
    expect(await failure(s.octokit.git.updateRef({ ...at, ref: 'heads/factory/1-x', sha: main }))).toMatchObject({ status: 422, message: expect.stringContaining('Update is not a fast forward') })
    expect((await s.octokit.git.updateRef({ ...at, ref: 'heads/factory/1-x', sha: main, force: true })).data.object.sha).toBe(main)
    expect((await s.octokit.git.updateRef({ ...at, ref: 'heads/factory/1-x', sha })).data.object.sha).toBe(sha)
    await s.octokit.git.deleteRef({ ...at, ref: 'heads/factory/1-x' })
    expect(await failure(s.octokit.git.deleteRef({ ...at, ref: 'heads/factory/1-x' }))).toMatchObject({ status: 422, message: expect.stringContaining('Reference does not exist') })
    expect(await failure(s.octokit.git.getRef({ ...at, ref: 'heads/factory/1-x' }))).toMatchObject({ status: 404 })
  })
})

describe('issues', () => {
  test('are found by state, labels, time and order', async () => {
    s.forge.openIssue('ada/shop', 'ada', { title: 'One', labels: ['ai-factory', 'bug'] })
    later(10)
    s.forge.openIssue('ada/shop', 'ada', { title: 'Two', labels: ['AI-Factory'] })
    later(10)
    s.forge.openIssue('ada/shop', 'ada', { title: 'Three' })
    s.forge.close('ada/shop', 3, 'ada')
    const titles = async (query: object) => (await s.octokit.issues.listForRepo({ ...at, ...query })).data.map(({ title }) => title)
    expect(await titles({})).toEqual(['Two', 'One'])
    expect(await titles({ state: 'closed' })).toEqual(['Three'])
    expect(await titles({ labels: 'ai-factory' })).toEqual(['Two', 'One'])
    expect(await titles({ labels: 'ai-factory,bug' })).toEqual(['One'])
    expect(await titles({ state: 'all', sort: 'updated', direction: 'asc', since: '2026-03-01T10:00:10Z' })).toEqual(['Two', 'Three'])
  })

  test('are opened, edited, commented, labelled and closed', async () => {
    const { data } = await s.octokit.issues.create({ ...at, title: ' Hello ', body: 'World', labels: ['new label'] })
    expect(data).toMatchObject({ number: 1, title: 'Hello', user: { login: 'factory-bot' }, author_association: 'COLLABORATOR', labels: [{ name: 'new label', color: 'ededed' }], html_url: `${s.forge.url}/ada/shop/issues/1` })
    await s.octokit.issues.update({ ...at, issue_number: 1, title: 'Bye', state: 'closed', state_reason: 'not_planned', labels: ['other'] })
    expect((await s.octokit.issues.get({ ...at, issue_number: 1 })).data).toMatchObject({ title: 'Bye', body: 'World', state: 'closed', state_reason: 'not_planned', labels: [{ name: 'other' }], closed_by: { login: 'factory-bot' } })
    const comment = await s.octokit.issues.createComment({ ...at, issue_number: 1, body: 'first' })
    await s.octokit.issues.updateComment({ ...at, comment_id: comment.data.id, body: 'second' })
    expect((await s.octokit.issues.getComment({ ...at, comment_id: comment.data.id })).data).toMatchObject({ body: 'second', html_url: `${s.forge.url}/ada/shop/issues/1#issuecomment-${comment.data.id}` })
    for (let index = 0; index < 34; index += 1) s.forge.comment('ada/shop', 1, 'mallory', `n ${index}`)
    expect((await s.octokit.paginate(s.octokit.issues.listComments, { ...at, issue_number: 1 })).map(({ author_association: who }) => String(who))).toEqual(['COLLABORATOR', ...Array.from({ length: 34 }, () => 'NONE')])
    expect((await s.octokit.issues.listEventsForTimeline({ ...at, issue_number: 1, per_page: 100 })).data.map(({ event }) => event).slice(0, 6)).toEqual(['labeled', 'unlabeled', 'labeled', 'closed', 'commented', 'commented'])
  })

  test('labels: add, set, remove; a missing one is 404, a double one 422', async () => {
    s.forge.openIssue('ada/shop', 'ada', { title: 'x', labels: ['a'] })
    const number = { ...at, issue_number: 1 }
    expect((await s.octokit.issues.addLabels({ ...number, labels: ['b', 'a'] })).data.map(({ name }) => name)).toEqual(['a', 'b'])
    expect((await s.octokit.issues.removeLabel({ ...number, name: 'a' })).data.map(({ name }) => name)).toEqual(['b'])
    expect(await failure(s.octokit.issues.removeLabel({ ...number, name: 'a' }))).toMatchObject({ status: 404, message: expect.stringContaining('Label does not exist') })
    expect((await s.octokit.issues.setLabels({ ...number, labels: ['ai-factory:pr'] })).data.map(({ name }) => name)).toEqual(['ai-factory:pr'])
    await s.octokit.issues.removeLabel({ ...number, name: 'ai-factory:pr' })
    await s.octokit.issues.createLabel({ ...at, name: 'c', color: 'ff0000', description: 'C' })
    expect(await failure(s.octokit.issues.createLabel({ ...at, name: 'C' }))).toMatchObject({ status: 422, message: expect.stringContaining('already_exists') })
    expect((await s.octokit.issues.listLabelsForRepo(at)).data.map(({ name }) => name)).toEqual(['a', 'b', 'ai-factory:pr', 'c'])
  })
})
