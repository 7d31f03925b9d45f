import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startForge, type Forge } from '@factory/rehearsal'
import { Webhooks } from '@octokit/webhooks'
import { z } from 'zod'
import type { Overrides } from './index.ts'
import { startTestIntake, ADA, REPO, ROBOT, SECRET, type TestIntake } from './testing/world.ts'
import { until } from './testing/until.ts'

// Several real servers and, on a busy machine, several retries.
setDefaultTimeout(30_000)
const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step()
})

async function startRepo(): Promise<Forge> {
  const dataDir = await mkdtemp(join(tmpdir(), 'intake-test-'))
  cleanup.push(() => rm(dataDir, { recursive: true, force: true }))
  const forge = await startForge({ dataDir, tokens: [ROBOT, ADA] })
  cleanup.push(() => forge.stop())
  await forge.createRepo({ name: REPO, from: { 'README.md': '# shop\n' } })
  return forge
}

async function startWorld(forge: Forge, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<TestIntake> {
  const world = await startTestIntake(forge, { POLL_INTERVAL: '1000', ...env }, overrides)
  cleanup.push(() => world.stop())
  return world
}

const Status = z.object({
  repos: z.array(z.object({ lastOkAt: z.string().nullable(), unchanged: z.number(), error: z.object({ code: z.string(), retryAt: z.string().nullable() }).nullable(), factoryYml: z.string().nullable() })),
  failedReports: z.array(z.object({ error: z.string() })),
  events: z.object({ connected: z.boolean() }),
})
const statusOf = async (world: TestIntake) => Status.parse(await world.status())
const repoOf = async (world: TestIntake) => (await statusOf(world)).repos[0]
const open = (forge: Forge, body = 'x') => forge.openIssue(REPO, ADA.login, { title: 'Do it', body, labels: ['ai-factory'] })
const taken = (world: TestIntake, number: number) => until(() => world.orchestrator.item(`${REPO}#${number}`), 'the item', 10_000)
/** The poll may have taken the issue before an edit did, so the revision is not always the first. */
const isReported = (world: TestIntake, id: number) => {
  const item = world.orchestrator.items.get(id)
  return item !== undefined && item.reportedRevision === item.revision
}
const LIST = `/repos/${REPO}/issues`

describe('GitHub in trouble', () => {
  test('502s do not end the poller', async () => {
    const forge = await startRepo()
    forge.fault({ match: { method: 'GET', path: LIST }, status: 502, times: 5 })
    const world = await startWorld(forge)
    await until(async () => (await repoOf(world))?.error?.code === 'unreachable', 'the error to be shown')
    const issue = open(forge)
    await taken(world, issue.number)
    await until(async () => (await repoOf(world))?.error === null, 'the error to go')
  })

  test('a long secondary limit is respected: nothing is sent until it is over', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    await until(async () => (await repoOf(world))?.lastOkAt, 'a good poll')
    forge.fault({ match: { method: 'GET', path: LIST }, secondaryRateLimit: 3600, times: 1 })
    const limited = await until(async () => { const repo = await repoOf(world); return repo?.error?.code === 'rate_limited' && repo.error }, 'the limit')
    expect(Date.parse(limited.retryAt ?? '')).toBeGreaterThan(Date.now() + 3_500_000)
    const sent = forge.requests.length
    world.orchestrator.dropStreams()
    await until(() => world.orchestrator.streams.length > 1, 'the stream to come back')
    expect(forge.requests.length).toBe(sent)
  })

  test('a short secondary limit is waited out inside the call', async () => {
    const forge = await startRepo()
    const fault = forge.fault({ match: { method: 'POST', path: `${LIST}/*/comments` }, secondaryRateLimit: 1, times: 1 })
    const world = await startWorld(forge)
    const issue = open(forge)
    await until(() => forge.comments(REPO, issue.number).length === 1, 'the comment')
    expect(fault.hits).toBe(1)
    expect((await statusOf(world)).failedReports).toEqual([])
  })

  test.each([
    ['answered 502', { status: 502 }],
    ['never answered', { timeout: true }],
  ] as const)('a comment that was made but %s is found, not made again', async (_name, how) => {
    const forge = await startRepo()
    const fault = forge.fault({ match: { method: 'POST', path: `${LIST}/*/comments` }, executeThenFail: true, times: 1, ...how })
    const world = await startWorld(forge)
    const issue = open(forge)
    await until(() => fault.hits === 1, 'the fault', 10_000)
    await until(() => isReported(world, 1), 'the report', 10_000)
    expect(forge.comments(REPO, issue.number)).toHaveLength(1)
  })

  test('labels that may not be changed do not keep the comment away, and are tried again later', async () => {
    const forge = await startRepo()
    forge.fault({ match: { method: 'POST', path: `${LIST}/*/labels` }, status: 403, message: 'Resource not accessible by personal access token', headers: { 'x-accepted-github-permissions': 'issues=write' }, times: 1 })
    const world = await startWorld(forge)
    const issue = open(forge)
    await until(() => forge.comments(REPO, issue.number).length === 1, 'the comment')
    await until(() => forge.issue(REPO, issue.number).labels.some((label) => label.name === 'ai-factory:working'), 'the label', 10_000)
    expect(forge.comments(REPO, issue.number)).toHaveLength(1)
    await until(() => isReported(world, 1), 'the report')
  })

  test('a repository that is not there is shown and does not disturb the others', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { REPOS: `acme/nothing,${REPO}` })
    await taken(world, open(forge).number)
    expect((await repoOf(world))?.error?.code).toBe('repository_not_found')
  })

  test('another spelling in REPOS is the same repository', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { REPOS: REPO.toUpperCase() })
    await taken(world, open(forge).number)
  })

  test('quiet polls cost nothing: GitHub says 304', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    await until(async () => ((await repoOf(world))?.unchanged ?? 0) >= 1, 'an unchanged poll')
    const lists = forge.requests.filter((call) => call.path === LIST)
    expect(lists.map((call) => call.status)).toContain(304)
    expect(lists.filter((call) => call.status === 200)).toHaveLength(1)
  })

  test('a .factory.yml that cannot be read is shown', async () => {
    const forge = await startRepo()
    await forge.createRepo({ name: 'acme/odd', from: { '.factory.yml': 'labels:\n  colour: red\n' } })
    const world = await startWorld(forge, { REPOS: 'acme/odd' })
    expect((await until(async () => { const repo = await repoOf(world); return repo?.factoryYml ? repo : null }, 'the problem')).factoryYml).toContain('.factory.yml:2')
  })
})

describe('the orchestrator in trouble', () => {
  test('issues wait until it is back', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    await until(async () => (await repoOf(world))?.lastOkAt, 'a good poll')
    world.orchestrator.down = true
    const issue = open(forge)
    await until(async () => (await repoOf(world))?.error?.code === 'unavailable', 'the error')
    expect((await fetch(`${world.intake.url}/ready`)).status).toBe(503)
    expect((await fetch(`${world.intake.url}/health`)).status).toBe(200)
    world.orchestrator.down = false
    await taken(world, issue.number)
    expect((await fetch(`${world.intake.url}/ready`)).status).toBe(200)
  })

  test('its return is noticed soon, however long the pause between two polls', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { POLL_INTERVAL: '3600000' })
    world.orchestrator.down = true
    const issue = open(forge)
    await world.restart()
    await until(async () => (await repoOf(world))?.error?.code === 'unavailable', 'the error')
    world.orchestrator.down = false
    await taken(world, issue.number)
  })

  test('a broken stream goes on behind the last event, and what it missed is told', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { POLL_INTERVAL: '3600000' })
    const issue = open(forge)
    await until(async () => (await statusOf(world)).events.connected, 'the stream')
    forge.addWebhook({ url: `${world.intake.url}/webhooks/github`, secret: SECRET })
    forge.editIssue(REPO, issue.number, ADA.login, { body: 'y' })
    const item = await taken(world, issue.number)
    await until(() => isReported(world, item.id), 'the report')
    world.orchestrator.dropStreams(true)
    world.orchestrator.move(item.id, 'in_progress')
    await until(async () => !(await statusOf(world)).events.connected, 'the break')
    world.orchestrator.dropStreams(false)
    await until(() => forge.comments(REPO, issue.number)[0]?.body.includes('is working on this issue'), 'the new text')
    expect(world.orchestrator.streams.at(-1)).not.toBeNull()
  })

  test('many changes at once are few edits, and the last one counts', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    const issue = open(forge)
    const item = await taken(world, issue.number)
    await until(() => isReported(world, item.id), 'the report')
    const edits = () => forge.requests.filter((call) => call.method === 'PATCH' && call.path.startsWith(`${LIST}/comments/`)).length
    for (let index = 0; index < 20; index++) world.orchestrator.move(item.id, index % 2 === 0 ? 'in_progress' : 'queued', { usage: { ...item.usage, iterations: index + 1 } })
    await until(() => forge.comments(REPO, issue.number)[0]?.body.includes('20 iterations'), 'the last text')
    expect(edits()).toBeLessThanOrEqual(3)
  })

  test('an edit waits its turn; an end state does not', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { POLL_INTERVAL: '3600000' }, { coalesceMs: 3000 })
    const issue = open(forge)
    await until(async () => (await statusOf(world)).events.connected, 'the stream')
    forge.addWebhook({ url: `${world.intake.url}/webhooks/github`, secret: SECRET })
    forge.editIssue(REPO, issue.number, ADA.login, { body: 'y' })
    const item = await taken(world, issue.number)
    await until(() => isReported(world, item.id), 'the report')
    const shown = async (text: string) => {
      const began = performance.now()
      await until(() => forge.comments(REPO, issue.number)[0]?.body.includes(text), text, 10_000)
      return performance.now() - began
    }
    world.orchestrator.move(item.id, 'in_progress')
    expect(await shown('is working on this issue')).toBeGreaterThan(1500)
    world.orchestrator.move(item.id, 'failed', { failure: { code: 'stuck', message: 'no progress' } })
    expect(await shown('no progress')).toBeLessThan(2500)
  })
})

describe('bad issues', () => {
  test.each([
    ['200 KB with hidden parts', `${'x'.repeat(200_000)}<!-- hidden -->\u0000\u202e`, 'description'],
    ['boxes in a code fence', '```\n- [ ] no\n```\n<!-- - [ ] hidden -->', 'description'],
    ['a checklist among control characters', '\u0007- [ ] yes\u0000\r\n', 'spec'],
  ] as const)('%s', async (_name, body, kind) => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    const item = await taken(world, open(forge, body).number)
    expect(item[kind]).not.toBeNull()
    expect(item[kind] ?? '').not.toContain('hidden')
    // oxlint-disable-next-line no-control-regex
    expect(item[kind] ?? '').not.toMatch(/[\u0000-\u0008\u202e\r]/)
    expect((item[kind] ?? '').length).toBeLessThan(210_000)
  })
})

describe('over HTTP', () => {
  test('deliveries, health and status answer as they should', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge)
    const post = (headers: Record<string, string>, body = '{}') => fetch(`${world.intake.url}/webhooks/github`, { method: 'POST', headers, body })
    expect((await post({})).status).toBe(401)
    expect((await post({ 'x-hub-signature-256': 'sha256=00', 'x-github-event': 'issues', 'x-github-delivery': '1' })).status).toBe(401)
    expect((await post({ 'x-hub-signature-256': 'sha256=00' }, 'x'.repeat(6 * 1024 * 1024))).status).toBe(413)
    expect((await fetch(`${world.intake.url}/status`)).status).toBe(401)
    expect((await fetch(`${world.intake.url}/nothing`)).status).toBe(404)
    expect(await (await post({})).json()).toMatchObject({ error: { code: 'unauthorized' } })
  })

  test('a redelivery is ignored, and so is a repository that is not ours', async () => {
    const forge = await startRepo()
    const world = await startWorld(forge, { POLL_INTERVAL: '3600000' })
    forge.addWebhook({ url: `${world.intake.url}/webhooks/github`, secret: SECRET })
    const issue = open(forge)
    await taken(world, issue.number)
    await forge.settled()
    const first = forge.deliveries[0]
    if (!first) throw new Error('nothing was delivered')
    const headers = { 'x-hub-signature-256': await new Webhooks({ secret: SECRET }).sign(first.body), 'x-github-event': first.event, 'x-github-delivery': first.guid }
    const again = await fetch(`${world.intake.url}/webhooks/github`, { method: 'POST', headers, body: first.body })
    expect(again.status).toBe(202)
    expect(await again.json()).toEqual({ accepted: false, reason: 'this delivery came before' })
    await forge.createRepo({ name: 'acme/other', from: { a: 'b' } })
    forge.openIssue('acme/other', ADA.login, { title: 'x', labels: ['ai-factory'] })
    await forge.settled()
    expect(forge.deliveries.at(-1)).toMatchObject({ status: 202 })
    expect(world.orchestrator.items.size).toBe(1)
  })
})
