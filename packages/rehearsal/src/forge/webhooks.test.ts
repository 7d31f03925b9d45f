import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { z } from 'zod'
import { stage, type Stage } from './testing.ts'
import { sign } from './webhooks.ts'

// Real processes, on a machine that may be busy.
setDefaultTimeout(30_000)

const at = { owner: 'ada', repo: 'shop' }
type Got = { event: string; delivery: string; signature: string; body: string; payload: Record<string, unknown> }
let s: Stage
let got: Got[] = []
let receiver: ReturnType<typeof listen>

function listen() {
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = await request.text()
      const header = (name: string) => request.headers.get(name) ?? ''
      got.push({ event: header('x-github-event'), delivery: header('x-github-delivery'), signature: header('x-hub-signature-256'), body, payload: z.record(z.string(), z.unknown()).parse(JSON.parse(body)) })
      return new Response('ok')
    },
  })
}

beforeEach(async () => {
  got = []
  receiver = listen()
  s = await stage({ webhook: { url: receiver.url.href, secret: 'hush' } })
})
afterEach(async () => {
  await s.end()
  await receiver.stop(true)
})

const events = async () => {
  await s.forge.settled()
  // Deliveries of one moment may arrive in any order, at GitHub as here.
  return got.map(({ event, payload }) => (typeof payload['action'] === 'string' ? `${event}.${payload['action']}` : event)).sort()
}

test("signatures are GitHub's: its own example", () => {
  expect(sign("It's a Secret to Everybody", 'Hello, World!')).toBe('sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17')
})

test('every delivery is signed and carries issue, label, repository and sender', async () => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted', labels: ['bug'] })
  s.forge.label('ada/shop', 1, 'mallory', 'ai-factory')
  expect(await events()).toEqual(['issues.labeled', 'issues.labeled', 'issues.opened'])
  for (const { body, signature } of got) expect(signature).toBe(sign('hush', body))
  expect(new Set(got.map(({ delivery }) => delivery)).size).toBe(3)
  const labeled = got.find(({ payload, body }) => payload['action'] === 'labeled' && body.includes('mallory'))
  expect(labeled?.payload).toMatchObject({ label: { name: 'ai-factory' }, issue: { number: 1, title: 'Wanted', user: { login: 'ada' }, author_association: 'OWNER', labels: [{ name: 'bug' }, { name: 'ai-factory' }] }, repository: { full_name: 'ada/shop', default_branch: 'main' }, sender: { login: 'mallory' } })
})

test('issues tell edits, labels taken off, closing and reopening, comments', async () => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted', labels: ['a'] })
  s.forge.unlabel('ada/shop', 1, 'ada', 'a')
  s.forge.editIssue('ada/shop', 1, 'ada', { title: 'Changed', body: 'new' })
  s.forge.editIssue('ada/shop', 1, 'ada', { title: 'Changed' })
  s.forge.comment('ada/shop', 1, 'ada', 'hello')
  s.forge.close('ada/shop', 1, 'ada')
  s.forge.close('ada/shop', 1, 'ada')
  s.forge.reopen('ada/shop', 1, 'ada')
  expect(await events()).toEqual(['issue_comment.created', 'issues.closed', 'issues.edited', 'issues.labeled', 'issues.opened', 'issues.reopened', 'issues.unlabeled'])
  expect(got.find(({ payload }) => payload['action'] === 'edited')?.payload).toMatchObject({ changes: { title: { from: 'Wanted' }, body: { from: '' } }, issue: { title: 'Changed' } })
})

test('pushes and pull requests tell theirs; refs outside branches and tags are silent', async () => {
  const sha = await s.branch('work', { 'a.txt': 'a' })
  await s.octokit.git.createRef({ ...at, ref: 'refs/factory/wip/1/1', sha })
  const { data } = await s.octokit.pulls.create({ ...at, title: 'x', head: 'work', base: 'main', body: 'Closes #99' })
  await s.octokit.pulls.merge({ ...at, pull_number: data.number })
  expect(await events()).toEqual(['pull_request.closed', 'pull_request.opened', 'push', 'push'])
  expect(got.find(({ event }) => event === 'push')?.payload).toMatchObject({ ref: 'refs/heads/work', created: true, deleted: false, after: sha, before: '0'.repeat(40), head_commit: { id: sha, message: 'Change work' }, pusher: { name: 'factory-bot' } })
  expect(got.find(({ payload }) => payload['action'] === 'closed')?.payload).toMatchObject({ number: 1, pull_request: { head: { sha }, merged_at: expect.any(String) } })
})

test('a delivery can be sent again: same body, same GUID', async () => {
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted' })
  await s.forge.settled()
  const again = await s.forge.redeliver(1)
  expect(again).toMatchObject({ redelivery: true, status: 200 })
  expect(got).toHaveLength(2)
  expect(got[1]).toEqual(got[0])
  await expect(s.forge.redeliver(77)).rejects.toThrow('no delivery 77')
})

test('a receiver that is away is noted and harms nothing', async () => {
  s.forge.addWebhook({ url: 'http://127.0.0.1:1/', secret: 'x', events: ['issues'] })
  s.forge.openIssue('ada/shop', 'ada', { title: 'Wanted' })
  await s.forge.settled()
  expect(s.forge.deliveries.map(({ status, error }) => [status, error === null])).toEqual([[200, true], [null, false]])
})
