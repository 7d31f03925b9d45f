import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { stage, TOKEN, type Stage } from './testing.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

let s: Stage
beforeEach(async () => {
  s = await stage()
})
afterEach(() => s.end())

const call = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
  const response = await fetch(`${s.forge.url}/_rehearsal${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  const text = await response.text()
  const data: unknown = text === '' ? null : JSON.parse(text)
  return { status: response.status, data }
}

test('another process makes repositories, issues, labels and comments, merges and looks', async () => {
  expect(await call('POST', '/repos', { name: 'bob/lib', from: { 'a.txt': 'a\n' } })).toMatchObject({ status: 201, data: { name: 'bob/lib', url: `${s.forge.url}/bob/lib` } })
  expect(await call('POST', '/repos/ada/shop/issues', { as: 'ada', title: 'Wanted', body: 'please', labels: ['x'] })).toMatchObject({ status: 201, data: { number: 1, user: { login: 'ada' } } })
  expect(await call('POST', '/repos/ada/shop/issues/1/labels', { as: 'ada', labels: ['ai-factory'] })).toMatchObject({ data: { labels: [{ name: 'x' }, { name: 'ai-factory' }] } })
  expect(await call('DELETE', '/repos/ada/shop/issues/1/labels/x')).toMatchObject({ status: 200, data: { labels: [{ name: 'ai-factory' }] } })
  await call('POST', '/repos/ada/shop/issues/1/comments', { as: 'bob', body: 'hm' })
  expect(await call('GET', '/repos/ada/shop/issues/1/comments')).toMatchObject({ data: [{ body: 'hm', user: { login: 'bob' } }] })
  expect(await call('PATCH', '/repos/ada/shop/issues/1', { as: 'ada', body: 'now' })).toMatchObject({ data: { body: 'now' } })
  await s.branch('work', { 'b.txt': 'b\nb\n' })
  expect(await call('POST', '/repos/ada/shop/pulls', { as: 'bot', title: 'PR', head: 'work', base: 'main', body: 'Fixes #1' })).toMatchObject({ status: 201, data: { number: 2 } })
  expect(await call('GET', '/repos/ada/shop/pulls')).toMatchObject({ data: [{ number: 2, state: 'open', merged: false, additions: 2, deletions: 0, files: [{ filename: 'b.txt' }] }] })
  expect((await call('POST', '/repos/ada/shop/pulls/2/merge', { as: 'ada' })).status).toBe(200)
  expect(await call('GET', '/repos/ada/shop/issues/1')).toMatchObject({ data: { state: 'closed' } })
  expect(await call('POST', '/repos/ada/shop/issues/1/reopen', {})).toMatchObject({ data: { state: 'open' } })
  expect(await call('POST', '/repos/ada/shop/issues/1/close', {})).toMatchObject({ data: { state: 'closed' } })
})

test('faults are set and cleared', async () => {
  await call('POST', '/faults', { match: { path: '/user' }, status: 500 })
  const user = () => fetch(`${s.forge.apiUrl}/user`, { headers: { authorization: `token ${TOKEN}` } })
  expect((await user()).status).toBe(500)
  await call('DELETE', '/faults')
  expect((await user()).status).toBe(200)
  expect(await call('GET', '/requests')).toMatchObject({ data: [{ path: '/user', status: 500, login: 'factory-bot' }, { path: '/user', status: 200 }] })
})

test('mistakes are named', async () => {
  expect(await call('POST', '/repos/ada/shop/issues', { titel: 'x' })).toMatchObject({ status: 400, data: { message: expect.stringContaining('title') } })
  expect(await call('POST', '/repos/no/where/issues', { title: 'x' })).toMatchObject({ status: 400, data: { message: expect.stringContaining('has no repository no/where') } })
  expect((await call('POST', '/repos/ada/shop/issues/9/close', {})).status).toBe(404)
  expect((await call('GET', '/nonsense')).status).toBe(404)
})

test('a page in a browser may not use it; with a token only who has it', async () => {
  expect((await call('GET', '/requests', undefined, { origin: 'http://evil.example' })).status).toBe(403)
  await s.end()
  s = await stage({ controlToken: 'secret' })
  expect((await call('GET', '/requests')).status).toBe(401)
  expect((await call('GET', '/requests', undefined, { authorization: 'Bearer secret' })).status).toBe(200)
})
