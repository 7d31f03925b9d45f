import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createFaults, fits } from './faults.ts'
import { failure, stage, type Stage } from './testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const at = { owner: 'ada', repo: 'shop' }
let s: Stage
beforeEach(async () => {
  s = await stage()
})
afterEach(() => s.end())

test.each([
  [{}, true],
  [{ method: 'post' }, true],
  [{ method: 'GET' }, false],
  [{ path: '/repos/*/*/pulls' }, true],
  [{ path: '/repos/*/pulls' }, false],
  [{ path: '/repos/**' }, true],
  [{ path: '/repos/a.b/c/pulls' }, false],
  [{ path: /pulls$/ }, true],
  [{ method: 'POST', path: /issues/ }, false],
])('%j fits POST /repos/axb/c/pulls: %p', (match, expected) => {
  expect(fits(match, 'POST', '/repos/axb/c/pulls')).toBe(expected)
})

test('a status comes instead of the deed, so many times', async () => {
  const fault = s.forge.fault({ match: { method: 'POST', path: '/repos/*/*/issues' }, status: 503, times: 2 })
  for (let index = 0; index < 2; index += 1) expect(await failure(s.octokit.issues.create({ ...at, title: 'x' }))).toMatchObject({ status: 503 })
  expect((await s.octokit.issues.create({ ...at, title: 'x' })).data.number).toBe(1)
  expect(fault.hits).toBe(2)
})

test('executed, and then answered with a failure', async () => {
  s.forge.fault({ match: { method: 'POST', path: '/repos/*/*/issues' }, executeThenFail: true, times: 1 })
  expect(await failure(s.octokit.issues.create({ ...at, title: 'x' }))).toMatchObject({ status: 502 })
  expect((await s.octokit.issues.listForRepo(at)).data).toHaveLength(1)
})

test('the secondary rate limit says when to come back', async () => {
  s.forge.fault({ secondaryRateLimit: 7 })
  expect(await failure(s.octokit.repos.get(at))).toMatchObject({ status: 403, message: expect.stringContaining('secondary rate limit'), headers: { 'retry-after': '7' } })
  s.forge.clearFaults()
  s.forge.fault({ secondaryRateLimit: 1, status: 429 })
  expect(await failure(s.octokit.repos.get(at))).toMatchObject({ status: 429 })
})

test('a timeout answers nothing: done or not', async () => {
  s.forge.fault({ match: { method: 'POST' }, timeout: true, executeThenFail: true, times: 1 })
  const gone = s.octokit.issues.create({ ...at, title: 'x', request: { signal: AbortSignal.timeout(150) } })
  await expect(gone).rejects.toThrow()
  expect((await s.octokit.issues.listForRepo(at)).data).toHaveLength(1)
  s.forge.fault({ match: { method: 'POST' }, timeout: 30, times: 1 })
  await expect(fetch(`${s.forge.apiUrl}/repos/ada/shop/issues`, { method: 'POST', body: '{}' }).then((response) => response.text())).rejects.toThrow()
  expect((await s.octokit.issues.listForRepo(at)).data).toHaveLength(1)
})

test('git can be hit too: a push that was done and answered with 502', async () => {
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'one')
  s.forge.fault({ match: { path: '**/git-receive-pack' }, executeThenFail: true, times: 1 })
  const pushed = await s.git(`${s.dir}/one`, 'push', 'origin', 'HEAD:refs/heads/work')
  expect(pushed.code).not.toBe(0)
  expect(s.forge.repo('ada/shop').refs.has('refs/heads/work')).toBe(true)
})

describe('by chance', () => {
  const run = async (seed: number) => {
    const faults = createFaults()
    faults.add({ probability: 0.5, seed, status: 500 })
    const answers: number[] = []
    for (let index = 0; index < 200; index += 1) answers.push((await faults.around(new Request('http://x/'), '/', async () => new Response('ok'))).status)
    return answers
  }

  test('the same seed gives the same faults, about as often as asked', async () => {
    const [one, two, other] = [await run(7), await run(7), await run(8)]
    expect(one).toEqual(two)
    expect(one).not.toEqual(other)
    const hits = one.filter((status) => status === 500).length
    expect(hits).toBeGreaterThan(70)
    expect(hits).toBeLessThan(130)
  })
})
