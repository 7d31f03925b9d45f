import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { failure, stage, type Stage } from '../testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const keys = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
const at = { owner: 'ada', repo: 'shop' }
let s: Stage
let now = new Date()
beforeEach(async () => {
  now = new Date('2026-03-01T10:00:00Z')
  s = await stage({ now: () => now, apps: [{ id: '77', slug: 'my-factory', publicKey: keys.publicKey, repos: ['ada/shop', 'ada/other'] }] })
  await s.forge.createRepo({ name: 'ada/other', private: true, from: { a: 'a' } })
  await s.forge.createRepo({ name: 'ada/hidden', private: true, from: { a: 'a' } })
})
afterEach(() => s.end())

function jwt(claims: object = {}, key = keys.privateKey): string {
  const seconds = Math.floor(now.getTime() / 1000)
  const part = (data: object) => Buffer.from(JSON.stringify(data)).toString('base64url')
  const head = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss: '77', iat: seconds - 30, exp: seconds + 570, ...claims })}`
  return `${head}.${createSign('RSA-SHA256').update(head).sign(key, 'base64url')}`
}

test('an App gets a token for its installation, which reaches what it was asked for', async () => {
  const app = s.as(jwt())
  expect((await app.apps.getAuthenticated()).data).toMatchObject({ id: 77, slug: 'my-factory' })
  const { data: installation } = await app.apps.getRepoInstallation(at)
  const { data: all } = await app.apps.createInstallationAccessToken({ installation_id: installation.id })
  expect(all.expires_at).toBe('2026-03-01T11:00:00Z')
  await s.as(all.token).issues.create({ owner: 'ada', repo: 'other', title: 'x' })
  expect(s.forge.issue('ada/other', 1).user).toMatchObject({ login: 'my-factory[bot]', type: 'Bot' })
  expect(await failure(s.as(all.token).repos.get({ owner: 'ada', repo: 'hidden' }))).toMatchObject({ status: 404 })
  expect(await failure(s.as(all.token).users.getAuthenticated())).toMatchObject({ status: 403, message: expect.stringContaining('integration') })

  const { data: narrow } = await app.apps.createInstallationAccessToken({ installation_id: installation.id, repositories: ['shop'], permissions: { contents: 'write' } })
  expect((await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop', narrow.token), 'one')).code).toBe(0)
  expect((await s.git(`${s.dir}/one`, 'push', 'origin', 'HEAD:refs/heads/by-app')).code).toBe(0)
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/other', narrow.token))).out).toContain('Repository not found')
  expect(await failure(s.as(narrow.token).issues.createLabel({ ...at, name: 'x' }))).toMatchObject({ status: 403, message: expect.stringContaining('Resource not accessible by integration') })

  now = new Date(now.getTime() + 3_600_000)
  expect(await failure(s.as(all.token).repos.get(at))).toMatchObject({ status: 401 })
})

test('a JWT must be the right one, and where the App is not installed it finds nothing', async () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
  const seconds = Math.floor(now.getTime() / 1000)
  for (const [token, words] of [
    ['garbage', 'could not be decoded'],
    [jwt({}, other.privateKey), 'could not be decoded'],
    [jwt({ iss: '78' }), 'Integration not found'],
    [jwt({ exp: seconds - 1 }), 'Expiration time'],
    [jwt({ exp: seconds + 3600 }), 'too far in the future'],
  ] as const) {
    const answer = await fetch(`${s.forge.apiUrl}/app`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain(words)
  }
  expect(await failure(s.as(jwt()).apps.getRepoInstallation({ owner: 'ada', repo: 'hidden' }))).toMatchObject({ status: 404 })
  expect(await failure(s.as(jwt()).apps.createInstallationAccessToken({ installation_id: 5 }))).toMatchObject({ status: 404 })
})
