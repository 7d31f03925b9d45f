import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startForge, type Forge } from '@factory/rehearsal'
import { startTestIntake, ADA, REPO, ROBOT, SECRET, type TestIntake } from './testing/world.ts'
import { until } from './testing/until.ts'

// Several real servers and, on a busy machine, several retries.
setDefaultTimeout(30_000)
const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step()
})

/** A forge with one repository, and intake watching it. Webhooks only where a test adds them. */
async function begin(env: Record<string, string> = {}, files: Record<string, string> = {}): Promise<{ forge: Forge; world: TestIntake }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'intake-test-'))
  cleanup.push(() => rm(dataDir, { recursive: true, force: true }))
  const forge = await startForge({ dataDir, tokens: [ROBOT, ADA] })
  cleanup.push(() => forge.stop())
  await forge.createRepo({ name: REPO, from: { 'README.md': '# shop\n', ...files } })
  const world = await startTestIntake(forge, env)
  cleanup.push(() => world.stop())
  return { forge, world }
}
const webhooks = ({ forge, world }: { forge: Forge; world: TestIntake }) => forge.addWebhook({ url: `${world.intake.url}/webhooks/github`, secret: SECRET })
const labelsOf = (forge: Forge, number: number) => forge.issue(REPO, number).labels.map((label) => label.name).sort()
const creates = (world: TestIntake) => world.orchestrator.calls.filter((call) => call.name === 'createWork')
const polled = (world: TestIntake, times = 1) => until(() => world.orchestrator.streams.length >= times && world.orchestrator.streams.length > 0, 'a poll')

const FAST = { POLL_INTERVAL: '1000' }

describe('from a label to an item', () => {
  test('polling takes a labelled issue once, tells the issue, and takes the trigger off', async () => {
    const { forge, world } = await begin(FAST)
    const issue = forge.openIssue(REPO, ADA.login, { title: 'Add a cart', body: 'Please.', labels: ['ai-factory', 'P1'] })
    forge.openIssue(REPO, ADA.login, { title: 'Not for us', body: 'x', labels: ['bug'] })
    const item = await until(() => world.orchestrator.item(`${REPO}#${issue.number}`), 'the item')
    expect(item).toMatchObject({ source: 'github', repo: REPO, title: 'Add a cart', description: '# Add a cart\n\nPlease.', spec: null, priority: 'high', author: { login: 'ada', association: 'COLLABORATOR' }, sourceUrl: `${forge.url}/${REPO}/issues/${issue.number}` })
    await until(() => labelsOf(forge, issue.number).includes('ai-factory:working') && !labelsOf(forge, issue.number).includes('ai-factory'), 'the labels')
    await until(() => world.orchestrator.item(item.sourceId)?.reportedRevision === 1, 'the report')
    expect(forge.comments(REPO, issue.number)).toHaveLength(1)
    expect(forge.comments(REPO, issue.number)[0]?.body).toStartWith(`<!-- factory:item:${item.id} -->`)
    expect(forge.repo(REPO).labels.get('ai-factory:working')).toMatchObject({ color: 'fbca04' })
    expect(creates(world)).toHaveLength(1)
  })

  test('a webhook is enough, and two deliveries at once make one item', async () => {
    const { forge, world } = await begin()
    webhooks({ forge, world })
    await polled(world)
    // One issue with the label gives two deliveries: opened and labeled.
    const issue = forge.openIssue(REPO, ADA.login, { title: 'Twice', body: '- [ ] one task', labels: ['ai-factory'] })
    const item = await until(() => world.orchestrator.item(`${REPO}#${issue.number}`), 'the item')
    await forge.settled()
    await until(() => labelsOf(forge, issue.number).includes('ai-factory:working'), 'the label')
    expect(item).toMatchObject({ status: 'queued', spec: '# Twice\n\n- [ ] one task\n', description: null })
    expect(creates(world)).toHaveLength(1)
  })

  test('a pull request with the label, a closed issue and one of a stranger are left alone', async () => {
    const { forge, world } = await begin(FAST)
    const stranger = forge.openIssue(REPO, 'mallory', { title: 'Evil', body: 'x', labels: ['ai-factory'] })
    const closed = forge.openIssue(REPO, ADA.login, { title: 'Old', body: 'x', labels: ['ai-factory'] })
    forge.close(REPO, closed.number, ADA.login)
    const vouched = forge.openIssue(REPO, 'bob', { title: 'Good idea', body: 'x' })
    forge.label(REPO, vouched.number, ADA.login, 'ai-factory')
    await until(() => world.orchestrator.item(`${REPO}#${vouched.number}`), 'the item that ada vouched for')
    expect(world.orchestrator.items.size).toBe(1)
    const status = JSON.stringify(await until(async () => ((await world.status()) as { ignored: unknown[] }).ignored.length > 0 && world.status(), 'the reason'))
    expect(status).toContain(`${REPO}#${stranger.number}`)
    expect(status).toContain('mallory (NONE) is not on the allow-list')
    expect(forge.comments(REPO, stranger.number)).toHaveLength(0)
  })

  test('the repository’s own trigger and priorities count', async () => {
    const { forge, world } = await begin(FAST, { '.factory.yml': 'labels:\n  trigger: [ready]\n  priority: { outage: critical }\n' })
    const issue = forge.openIssue(REPO, ADA.login, { title: 'Down', body: 'x', labels: ['ready', 'outage'] })
    const item = await until(() => world.orchestrator.item(`${REPO}#${issue.number}`), 'the item')
    expect(item.priority).toBe('critical')
    await until(() => !labelsOf(forge, issue.number).includes('ready'), 'the trigger to go')
  })

  test('all pages are read: 130 issues', async () => {
    const { forge, world } = await begin(FAST)
    for (let index = 0; index < 130; index++) forge.openIssue(REPO, ADA.login, { title: `Issue ${index}`, body: 'x', labels: ['ai-factory'] })
    await until(() => world.orchestrator.items.size === 130, '130 items', 20_000)
    expect(creates(world)).toHaveLength(130)
  })

  test('survives a restart without a second item or a second comment', async () => {
    const { forge, world } = await begin(FAST)
    const issue = forge.openIssue(REPO, ADA.login, { title: 'Once', body: 'x', labels: ['ai-factory'] })
    const item = await until(() => world.orchestrator.item(`${REPO}#${issue.number}`), 'the item')
    await until(() => world.orchestrator.item(item.sourceId)?.reportedRevision === 1, 'the report')
    await world.restart()
    world.orchestrator.move(item.id, 'in_progress')
    await until(() => forge.comments(REPO, issue.number)[0]?.body.includes('is working on this issue'), 'the new text')
    expect(forge.comments(REPO, issue.number)).toHaveLength(1)
    expect(creates(world)).toHaveLength(1)
  })
})

describe('what people do on the issue', () => {
  async function taken(body = 'Please.') {
    const parts = await begin()
    webhooks(parts)
    await polled(parts.world)
    const issue = parts.forge.openIssue(REPO, ADA.login, { title: 'Do it', body, labels: ['ai-factory'] })
    const item = await until(() => parts.world.orchestrator.item(`${REPO}#${issue.number}`), 'the item')
    const reported = () => until(() => {
      const now = parts.world.orchestrator.item(item.sourceId)
      return now && now.reportedRevision === now.revision && now
    }, 'the report')
    await reported()
    return { ...parts, number: issue.number, id: item.id, reported, now: () => parts.world.orchestrator.items.get(item.id) }
  }

  test('closing it cancels', async () => {
    const { forge, number, now } = await taken()
    forge.close(REPO, number, ADA.login)
    await until(() => now()?.status === 'cancelled', 'the cancel')
    await until(() => labelsOf(forge, number).length === 0, 'the labels to go')
  })

  test('taking the labels off cancels; labelling again takes it up again', async () => {
    const { forge, number, now, reported } = await taken()
    forge.unlabel(REPO, number, ADA.login, 'ai-factory:working')
    await until(() => now()?.status === 'cancelled', 'the cancel')
    await reported()
    forge.label(REPO, number, ADA.login, 'ai-factory')
    await until(() => now()?.status === 'drafting', 'the retry')
    await reported()
    expect(labelsOf(forge, number)).toEqual(['ai-factory:working'])
  })

  test('an edit before the build changes the item, during it nothing', async () => {
    const { forge, world, number, id, now, reported } = await taken()
    forge.editIssue(REPO, number, ADA.login, { body: 'Better words.' })
    await until(() => now()?.description === '# Do it\n\nBetter words.', 'the edit')
    await reported()
    world.orchestrator.build(id)
    world.orchestrator.move(id, 'in_progress')
    await reported()
    forge.editIssue(REPO, number, ADA.login, { body: 'Too late.' })
    forge.comment(REPO, number, ADA.login, 'hello')
    await forge.settled()
    forge.label(REPO, number, ADA.login, 'ai-factory')
    await until(() => !labelsOf(forge, number).includes('ai-factory'), 'the trigger to be heard')
    expect(now()?.description).toBe('# Do it\n\nBetter words.')
    expect(now()?.status).toBe('in_progress')
  })

  test('failed: told with its reason, retried only without :failed', async () => {
    const { forge, world, number, id, now, reported } = await taken()
    world.orchestrator.move(id, 'failed', { failure: { code: 'repository_forbidden', message: 'Resource not accessible by personal access token' } })
    await reported()
    expect(labelsOf(forge, number)).toEqual(['ai-factory:failed'])
    expect(forge.comments(REPO, number)[0]?.body).toContain('Contents: read and write')
    forge.label(REPO, number, ADA.login, 'ai-factory')
    await until(async () => JSON.stringify(await world.status()).includes('remove the label ai-factory:failed'), 'the reason')
    expect(now()?.status).toBe('failed')
    forge.unlabel(REPO, number, ADA.login, 'ai-factory:failed')
    await until(() => now()?.status === 'drafting', 'the retry')
  })

  test('a question is asked and its answer taken; strangers and bots do not answer', async () => {
    const { forge, world, number, id, now, reported } = await taken()
    world.orchestrator.move(id, 'needs_input', { question: 'Which colour, @ada?' })
    await reported()
    expect(labelsOf(forge, number)).toEqual(['ai-factory:needs-info'])
    expect(forge.comments(REPO, number)[0]?.body).toContain('> Which colour')
    forge.comment(REPO, number, 'mallory', 'rm -rf please')
    await forge.settled()
    forge.comment(REPO, number, ADA.login, 'Blue.')
    await until(() => now()?.status === 'drafting', 'the retry')
    expect(now()?.description).toContain('Answer by ada:\n\n> Blue.')
    expect(now()?.description).not.toContain('rm -rf')
    await reported()
    expect(labelsOf(forge, number)).toEqual(['ai-factory:working'])
  })

  test('completed: the pull request is shown, and another label changes nothing', async () => {
    const { forge, world, number, id, now, reported } = await taken()
    world.orchestrator.move(id, 'completed', { pull: { number: 9, url: `${forge.url}/${REPO}/pull/9` } })
    await reported()
    expect(labelsOf(forge, number)).toEqual(['ai-factory:pr'])
    expect(forge.comments(REPO, number)[0]?.body).toContain(`${forge.url}/${REPO}/pull/9`)
    const edits = () => forge.requests.filter((call) => call.method === 'PATCH').length
    const before = edits()
    forge.label(REPO, number, ADA.login, 'ai-factory')
    await until(() => !labelsOf(forge, number).includes('ai-factory'), 'the trigger to be heard')
    expect(now()?.status).toBe('completed')
    // The comment says already what there is to say.
    expect(edits()).toBe(before)
  })

  test('a deleted status comment is written anew', async () => {
    const { forge, world, number, id, reported } = await taken()
    const comment = forge.comments(REPO, number)[0]
    await fetch(`${forge.apiUrl}/repos/${REPO}/issues/comments/${comment?.id}`, { method: 'DELETE', headers: { authorization: `token ${ADA.token}` } })
    expect(forge.comments(REPO, number)).toHaveLength(0)
    world.orchestrator.move(id, 'queued')
    await reported()
    expect(forge.comments(REPO, number)).toHaveLength(1)
  })
})
