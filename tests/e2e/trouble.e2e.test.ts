import { afterAll, beforeAll, expect, test } from 'bun:test'
import { checklistIssue, demoIssue } from '@factory/rehearsal'
import { describeWith } from '@factory/rehearsal/testing'
import { readdirSync, readFileSync } from 'node:fs'
import { DEMO_REPO } from '../../packages/cli/src/demo/rehearse.ts'
import { startFactory, waitFor, type Factory } from './factory.ts'

const EMBEDDED = { WORKER_RUNTIME: 'process', DATABASE_URL: '', REDIS_URL: '', RETRY_BACKOFF_SECONDS: '1' }
const START = 120_000

let factory: Factory
const labels = (number: number) => factory.forge.issue(DEMO_REPO, number).labels.map((label) => label.name)
const comment = (number: number) => factory.forge.comments(DEMO_REPO, number)[0]?.body ?? ''
const file = (title: string, body: string) => factory.forge.openIssue(DEMO_REPO, 'you', { title, body, labels: ['ai-factory'] }).number
const runsOf = async (id: number) => (await factory.client.call('getWork', { params: { id } })).runs

describeWith(['claude'], 'when something goes wrong', () => {
  beforeAll(async () => {
    factory = await startFactory({ settings: EMBEDDED })
  }, START)
  afterAll(() => factory.stop(), START)

  test('a worker that is killed loses its iteration, not the item: one pull request in the end', async () => {
    const number = file(demoIssue.title, demoIssue.body)
    const item = await factory.itemOf(DEMO_REPO, number)
    await factory.until(item.id, 'in its second iteration', (now) => now.status === 'in_progress' && (now.run?.progress?.iteration ?? 0) >= 2)
    process.kill(workerPid(item.id), 'SIGKILL')
    const done = await factory.untilStatus(item.id, 'completed')
    expect(done).toMatchObject({ losses: 1, attempts: 0 })
    expect(factory.forge.pulls(DEMO_REPO)).toHaveLength(1)
    // the second run went on from what the first had pushed
    const builds = (await runsOf(item.id)).filter((run) => run.kind === 'build')
    expect(builds.map((run) => run.status)).toEqual(['lost', 'succeeded'])
    expect(builds[1]?.baseSha).toBe(builds[0]?.baseSha ?? '(none)')
  }, START)

  test('the orchestrator is killed and comes back: its worker is adopted and goes on', async () => {
    const number = file(checklistIssue.title, checklistIssue.body)
    const item = await factory.itemOf(DEMO_REPO, number)
    await factory.until(item.id, 'building', (now) => now.run?.kind === 'build' && now.run.progress?.step === 'agent')
    process.kill(factory.stack.pid('orchestrator'), 'SIGKILL')
    await waitFor(async () => (await factory.client.call('status', {})).version !== '', () => 'the orchestrator to be back')
    await factory.untilStatus(item.id, 'completed')
    expect((await runsOf(item.id)).map((run) => [run.kind, run.status])).toEqual([
      ['build', 'succeeded'],
      ['verify', 'succeeded'],
    ])
  }, START)

  test('an issue that is closed cancels its work, and the worker ends', async () => {
    const number = file(`${demoIssue.title} (again)`, demoIssue.body)
    const item = await factory.itemOf(DEMO_REPO, number)
    await factory.until(item.id, 'running', (now) => now.run?.status === 'running')
    factory.forge.close(DEMO_REPO, number, 'you')
    await factory.untilStatus(item.id, 'cancelled')
    await waitFor(async () => (await factory.client.call('listWorkers', { query: { live: 'true' } })).workers.length === 0, () => 'the worker to end')
    expect(() => workerPid(item.id)).toThrow()
    await waitFor(() => !labels(number).includes('ai-factory:working'), () => `the state label to go; there are ${labels(number).join()}`)
  }, START)

  test('a repository that is not there: the reason stands on the item, and nothing is tried again', async () => {
    const { item } = await factory.client.call('createWork', { body: { repo: 'demo/none', description: 'Do something' } })
    const failed = await factory.untilStatus(item.id, 'failed')
    expect(failed.failure?.code).toBe('repository_not_found')
    expect(await runsOf(item.id)).toHaveLength(1)
  }, START)

  test('a broken .factory.yml names its line, on the item and on the issue', async () => {
    await factory.forge.createRepo({ name: 'demo/broken', from: { 'README.md': '# x\n', '.factory.yml': 'verify:\n  - bun test\nsettup: []\n' } })
    const { item } = await factory.client.call('createWork', { body: { repo: 'demo/broken', spec: '# T\n\n- [ ] do it\n', source: 'api', sourceId: 'broken-1' } })
    const failed = await factory.untilStatus(item.id, 'failed')
    expect(failed.failure).toMatchObject({ code: 'bad_factory_yml' })
    expect(failed.failure?.message).toContain('.factory.yml:3')
    expect(failed.failure?.message).toContain('settup')
  }, START)

  test('a forge that does not answer is waited for, with the reason; then the work goes on', async () => {
    const fault = factory.forge.fault({ match: { path: /git-upload-pack|info\/refs/ }, status: 502 })
    const number = file(`${checklistIssue.title} (unreachable)`, checklistIssue.body)
    const item = await factory.itemOf(DEMO_REPO, number)
    const waiting = await factory.until(item.id, 'lost once', (now) => now.losses > 0)
    expect(waiting.waiting).toMatchObject({ code: 'retry_backoff' })
    expect(waiting.attempts).toBe(0)
    await waitFor(() => comment(number).includes('It waits: '), () => `a comment that says why; it says: ${comment(number)}`)
    expect(comment(number)).toMatch(/unreachable|does not answer|could not be reached|502/i)
    fault.remove()
    await factory.untilStatus(item.id, 'completed')
  }, START)

  test('an issue of 200 KB with control characters, hidden comments and boxes in fences is taken as what it says', async () => {
    const body = `<!-- - [ ] hidden -->\n\u0007\n\`\`\`md\n- [ ] an example\n\`\`\`\n\n${'A long story. '.repeat(14_500)}\n\n- [ ] the only task\n`
    const number = factory.forge.openIssue(DEMO_REPO, 'you', { title: 'Large', body, labels: ['ai-factory'] }).number
    const item = await factory.itemOf(DEMO_REPO, number)
    expect(item.spec).toContain('the only task')
    expect(item.spec).not.toContain('hidden')
    expect(item.spec).not.toContain('\u0007')
    await factory.client.call('cancelWork', { params: { id: item.id }, body: { reason: 'seen' } })
  }, START)
})

describeWith(['claude'], 'when the token lacks rights', () => {
  beforeAll(async () => {
    factory = await startFactory({ settings: EMBEDDED, permissions: { contents: 'read' } })
  }, START)
  afterAll(() => factory.stop(), START)

  test('the reason stands on the item and in the one comment; labelling again after mending retries', async () => {
    const number = file(checklistIssue.title, checklistIssue.body)
    const item = await factory.itemOf(DEMO_REPO, number)
    const failed = await factory.untilStatus(item.id, 'failed')
    expect(['repository_forbidden', 'push_refused']).toContain(failed.failure?.code ?? '')
    expect(await runsOf(item.id)).toHaveLength(1)
    await waitFor(() => labels(number).includes('ai-factory:failed'), () => `the failed label; there are ${labels(number).join()}`)
    await waitFor(() => comment(number).toLowerCase().includes('contents'), () => `a comment that names the missing right; it says: ${comment(number)}`)
    expect(factory.forge.comments(DEMO_REPO, number)).toHaveLength(1)

    factory.forge.unlabel(DEMO_REPO, number, 'you', 'ai-factory:failed')
    factory.forge.label(DEMO_REPO, number, 'you', 'ai-factory')
    await factory.until(item.id, 'tried again', (now) => now.status !== 'failed')
    await factory.untilStatus(item.id, 'failed')
    expect(await runsOf(item.id)).toHaveLength(2)
  }, START)
})

/** The process of the worker that carries the item now, found by its name in its environment. */
function workerPid(itemId: number): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (environment.includes(`${factory.dir}/`) && environment.includes(`factory-worker-${itemId}-`) && /worker\/src\/main\.ts/.test(command)) return Number(pid)
    } catch {
      // ended meanwhile, or not ours to read
    }
  }
  throw new Error(`no worker of item ${itemId}`)
}
