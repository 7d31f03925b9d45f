import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { failure, stage, type Stage } from './testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

let s: Stage
beforeEach(async () => {
  s = await stage({
    tokens: [
      { token: 'ghp_thebotstoken', login: 'factory-bot' },
      { token: 'reader', login: 'rita', permissions: { contents: 'read' } },
      { token: 'stranger', login: 'sam', repos: ['sam/other'] },
    ],
  })
})
afterEach(() => s.end())

test('real git clones, shallow too, and sees what it pushes', async () => {
  expect((await s.git(s.dir, 'clone', s.remote('ada/shop'), 'one')).code).toBe(0)
  expect(await Bun.file(join(s.dir, 'one/src/cart.ts')).text()).toBe('export const cart = []\n')
  await Bun.write(join(s.dir, 'one/new.txt'), 'new\n')
  await s.git(join(s.dir, 'one'), 'add', '--all')
  await s.git(join(s.dir, 'one'), 'commit', '-m', 'Add')
  expect((await s.git(join(s.dir, 'one'), 'push', 'origin', 'main')).code).toBe(0)
  expect((await s.git(s.dir, 'clone', '--depth', '1', s.remote('ada/shop'), 'two')).code).toBe(0)
  expect((await s.git(join(s.dir, 'two'), 'log', '--oneline')).out.trim().split('\n')).toHaveLength(1)
  expect(await Bun.file(join(s.dir, 'two/new.txt')).text()).toBe('new\n')
})

test('any namespace of refs can be pushed, listed, fetched and deleted', async () => {
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'one')
  const one = join(s.dir, 'one')
  expect((await s.git(one, 'push', 'origin', 'HEAD:refs/factory/wip/7/3')).code).toBe(0)
  expect((await s.git(one, 'ls-remote', 'origin')).out).toContain('refs/factory/wip/7/3')
  expect((await s.git(one, 'fetch', 'origin', 'refs/factory/wip/7/3')).code).toBe(0)
  expect((await s.octokit.git.listMatchingRefs({ owner: 'ada', repo: 'shop', ref: 'factory/wip/7' })).data.map(({ ref }) => ref)).toEqual(['refs/factory/wip/7/3'])
  expect((await s.git(one, 'push', 'origin', ':refs/factory/wip/7/3')).code).toBe(0)
  expect((await s.octokit.git.listMatchingRefs({ owner: 'ada', repo: 'shop', ref: 'factory' })).data).toEqual([])
})

test('protocol 2 is spoken with who asks for it', async () => {
  const { url, headers } = { url: `${s.forge.url}/ada/shop.git/info/refs?service=git-upload-pack`, headers: { authorization: `Basic ${btoa('x:ghp_thebotstoken')}` } }
  expect(await (await fetch(url, { headers: { ...headers, 'git-protocol': 'version=2' } })).text()).toContain('version 2')
  expect(await (await fetch(url, { headers })).text()).not.toContain('version 2')
})

test('a large push and a compressed request body arrive whole', async () => {
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'one')
  const one = join(s.dir, 'one')
  const bytes = randomBytes(6_000_000)
  await Bun.write(join(one, 'big.bin'), bytes)
  await s.git(one, 'add', '--all')
  await s.git(one, 'commit', '--quiet', '-m', 'Big')
  expect((await s.git(one, 'push', 'origin', 'main')).code).toBe(0)
  // Many wanted refs make git compress its request.
  expect((await s.git(one, 'push', '--quiet', 'origin', ...Array.from({ length: 60 }, (_, index) => `HEAD:refs/heads/b/${index}`))).code).toBe(0)
  expect((await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'two')).code).toBe(0)
  expect(Buffer.from(await Bun.file(join(s.dir, 'two/big.bin')).arrayBuffer()).equals(bytes)).toBe(true)
})

test('a lease that is out of date is refused by git itself', async () => {
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'one')
  const one = join(s.dir, 'one')
  await s.branch('work', { 'a.txt': 'a' })
  const refused = await s.git(one, 'push', '--force-with-lease=work:0123456789012345678901234567890123456789', 'origin', 'HEAD:work')
  expect(refused.code).not.toBe(0)
  expect(refused.out).toContain('stale info')
})

test('git says why it may not', async () => {
  const bare = s.forge.url
  expect((await s.git(s.dir, 'ls-remote', `${bare}/ada/shop.git`)).code).not.toBe(0)
  expect((await fetch(`${bare}/ada/shop.git/info/refs?service=git-upload-pack`)).status).toBe(401)
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/shop', 'nobody'))).out).toContain('Authentication failed')
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/none'))).out).toContain('Repository not found')

  expect((await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop', 'reader'), 'read')).code).toBe(0)
  const push = await s.git(join(s.dir, 'read'), 'push', 'origin', 'HEAD:refs/heads/mine')
  expect(push.code).not.toBe(0)
  expect(push.out).toContain('403')

  await s.forge.createRepo({ name: 'ada/hidden', private: true, from: { a: 'a' } })
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/hidden', 'stranger'))).out).toContain('Repository not found')
  expect((await s.git(s.dir, 'ls-remote', s.remote('ada/hidden'))).code).toBe(0)
})

test('refs/pull is the forge\'s own', async () => {
  await s.git(s.dir, 'clone', '--quiet', s.remote('ada/shop'), 'one')
  expect((await s.git(join(s.dir, 'one'), 'push', 'origin', 'HEAD:refs/pull/1/head')).out).toContain('deny updating a hidden ref')
})

test('two pushes at once are both seen, each once', async () => {
  await Promise.all([s.branch('left', { 'l.txt': 'l' }), s.branch('right', { 'r.txt': 'r' })])
  const { data } = await s.octokit.repos.listBranches({ owner: 'ada', repo: 'shop' })
  expect(data.map(({ name }) => name).sort()).toEqual(['left', 'main', 'right'])
})

test('a directory becomes the first commit, the same one every time', async () => {
  const first = (await s.forge.createRepo({ name: 'ada/one', from: join(import.meta.dir, '../../src/model') })).refs.get('refs/heads/main')
  const second = (await s.forge.createRepo({ name: 'ada/two', from: join(import.meta.dir, '../../src/model') })).refs.get('refs/heads/main')
  expect(first).toMatch(/^[0-9a-f]{40}$/)
  expect(second).toBe(first)
  await expect(s.forge.createRepo({ name: 'ADA/one' })).rejects.toThrow('has ADA/one already')
  await expect(s.forge.createRepo({ name: '../x' })).rejects.toThrow('must be owner/name')
})

test('an empty repository says so', async () => {
  await s.forge.createRepo({ name: 'ada/empty' })
  expect(await failure(s.octokit.git.getRef({ owner: 'ada', repo: 'empty', ref: 'heads/main' }))).toMatchObject({ status: 409 })
  expect((await s.git(s.dir, 'clone', s.remote('ada/empty'), 'empty')).out).toContain('empty repository')
})
