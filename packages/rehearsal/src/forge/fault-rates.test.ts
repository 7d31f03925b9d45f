import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import * as fc from 'fast-check'
import { createFates, fateOf, type FaultRates } from './fault-rates.ts'
import { stage, TOKEN, type Stage } from './testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const rates: FaultRates = { seed: 7, refuse: 0.05, executeThenFail: 0.05, hang: 0.01, executeThenHang: 0.01 }
const share = (wanted: FaultRates, path: string, fate: string) => {
  const fates = createFates(wanted)
  return Array.from({ length: 20_000 }, () => fates.next('GET', path)).filter((one) => one === fate).length / 20_000
}

test.each([
  ['refuse', 0.05],
  ['executeThenFail', 0.05],
  ['hang', 0.01],
  ['executeThenHang', 0.01],
  ['well', 0.88],
] as const)('%s is about as frequent as asked', (fate, wanted) => {
  for (const seed of [1, 2, 3]) expect(Math.abs(share({ ...rates, seed }, '/repos/a/b/pulls', fate) - wanted)).toBeLessThan(0.006)
})

test('the n-th request of a route meets the same fate in whatever order the routes are asked', () => {
  const request = fc.record({ method: fc.constantFrom('GET', 'POST'), path: fc.constantFrom('/repos/a/b', '/repos/a/b/pulls', '/a/b.git/git-receive-pack') })
  fc.assert(
    fc.property(fc.integer(), fc.array(request, { maxLength: 60 }).chain((requests) => fc.tuple(fc.constant(requests), fc.shuffledSubarray(requests, { minLength: requests.length }))), (seed, [one, other]) => {
      const told = (order: typeof one) => {
        const fates = createFates({ seed, refuse: 0.3, executeThenFail: 0.3 })
        return order.map(({ method, path }) => `${method} ${path} ${fates.next(method, path)}`).sort()
      }
      expect(told(other)).toEqual(told(one))
    }),
  )
})

test('git and REST go wrong apart', () => {
  const all: FaultRates = { seed: 1, refuse: 1 }
  for (const [on, rest, git] of [[undefined, 'refuse', 'refuse'], [['rest'], 'refuse', 'well'], [['git'], 'well', 'refuse']] as const) {
    const wanted = on === undefined ? all : { ...all, on }
    expect(fateOf(wanted, 'GET', '/repos/a/b', 0)).toBe(rest)
    expect(fateOf(wanted, 'POST', '/a/b.git/git-receive-pack', 0)).toBe(git)
  }
})

let s: Stage
const control = (method: string, body?: object) => fetch(`${s.forge.url}/_rehearsal/faults/rates`, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
const user = (ms = 20_000) => fetch(`${s.forge.apiUrl}/user`, { headers: { authorization: `token ${TOKEN}` }, signal: AbortSignal.timeout(ms) })
const opened = () => fetch(`${s.forge.apiUrl}/repos/ada/shop/issues`, { method: 'POST', headers: { authorization: `token ${TOKEN}` }, body: '{"title":"x"}', signal: AbortSignal.timeout(150) })

beforeEach(async () => {
  s = await stage()
})
afterEach(() => s.end())

test('another process turns them on, sees what they did, and turns them off', async () => {
  expect(await (await control('GET')).json()).toBeNull()
  expect((await control('PUT', { seed: 1, refuse: 1 })).status).toBe(204)
  expect((await user()).status).toBe(502)
  expect(await (await control('GET')).json()).toEqual({ rates: { seed: 1, refuse: 1 }, counts: { well: 0, refuse: 1, executeThenFail: 0, hang: 0, executeThenHang: 0 } })
  expect((await control('DELETE')).status).toBe(204)
  expect((await user()).status).toBe(200)
  expect((await control('PUT', { seed: 1, refuse: 0.6, hang: 0.6 })).status).toBe(400)
  expect((await control('PUT', { refuse: 0.6 })).status).toBe(400)
})

test.each([
  [{ refuse: 1 }, 502, 0],
  [{ executeThenFail: 1 }, 502, 1],
  [{ hang: 1 }, null, 0],
  [{ executeThenHang: 1 }, null, 1],
] as const)('%j: answered %p, %p done', async (shares, status, done) => {
  s.forge.setFaultRates({ seed: 1, ...shares })
  const answer = await opened().then((response) => response.status, () => null)
  expect(answer).toBe(status)
  s.forge.clearFaults()
  expect((await s.octokit.issues.listForRepo({ owner: 'ada', repo: 'shop' })).data).toHaveLength(done)
})

test('git alone goes wrong when asked for', async () => {
  s.forge.setFaultRates({ seed: 1, refuse: 1, on: ['git'] })
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/shop'))).out).toContain('502')
  expect((await user()).status).toBe(200)
})

test('pull requests are counted for each branch, closed ones too', async () => {
  await s.branch('one', { 'a.txt': 'a' })
  for (const state of ['closed', 'open'] as const) {
    const { number } = await s.forge.openPull('ada/shop', 'bot', { title: 'x', head: 'one', base: 'main' })
    if (state === 'closed') s.forge.close('ada/shop', number, 'ada')
  }
  expect(s.forge.pullsPerHead('ada/shop')).toEqual({ one: 2 })
  expect(await (await fetch(`${s.forge.url}/_rehearsal/repos/ada/shop/pulls-per-head`)).json()).toEqual({ one: 2 })
})
