import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGithub } from '@factory/github'
import { startForge, type Forge } from '@factory/rehearsal'
import { createLogger, type WorkItem } from '@factory/shared'
import { readConfig } from '../config.ts'
import { fromConfig, type Context } from '../context.ts'
import { startOrchestrator, type StubOrchestrator } from '../testing/orchestrator.ts'
import { until } from '../testing/until.ts'
import { ADA, REPO, ROBOT } from '../testing/world.ts'
import { applyReport } from './apply.ts'
import { marker } from './find-comment.ts'
import { createReporter } from './reporter.ts'

// Real servers, on a machine that may be busy.
setDefaultTimeout(30_000)

let forge: Forge
let orchestrator: StubOrchestrator
let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'intake-report-'))
  forge = await startForge({ dataDir, tokens: [ROBOT, ADA] })
  await forge.createRepo({ name: REPO, from: { 'README.md': '# shop\n' } })
  orchestrator = startOrchestrator()
})
afterEach(async () => {
  await forge.stop()
  await orchestrator.stop()
  await rm(dataDir, { recursive: true, force: true })
})

type Around = { before?(call: string): Promise<void>; after?(call: string): Promise<void> }

/** An intake's world, with something happening around each of its writes on GitHub. */
function intake({ before, after }: Around = {}): Context {
  const config = readConfig({ GITHUB_TOKEN: ROBOT.token, GITHUB_API_URL: forge.apiUrl, GITHUB_URL: forge.url, REPOS: REPO, ORCHESTRATOR_URL: orchestrator.url, FACTORY_TOKEN: orchestrator.token })
  const logger = createLogger('intake-test', 'silent')
  const github = createGithub({ token: ROBOT.token, apiUrl: forge.apiUrl, webUrl: forge.url, logger, retryBaseMs: 2, timeoutMs: 500 })
  github.octokit.hook.wrap('request', async (request, options) => {
    const call = `${options.method} ${options.url}`
    if (options.method === 'GET') return request(options)
    await before?.(call)
    const answer = await request(options)
    await after?.(call)
    return answer
  })
  return fromConfig(config, { logger, github, coalesceMs: 5, retryMs: 20 })
}

/** An issue with the trigger on it, and the item that it became. */
async function accepted(): Promise<{ number: number; item: WorkItem }> {
  const { number } = forge.openIssue(REPO, ADA.login, { title: 'Do it', labels: ['ai-factory'] })
  const { item } = await intake().client.call('createWork', { body: { source: 'github', sourceId: `${REPO}#${number}`, repo: REPO, title: 'Do it', description: 'x' } })
  orchestrator.move(item.id, 'in_progress')
  const moved = orchestrator.items.get(item.id)
  if (!moved) throw new Error('the item was just made')
  return { number, item: moved }
}

const own = (number: number, item: WorkItem) => forge.comments(REPO, number).filter((comment) => comment.body.startsWith(marker(item.id)))
const labelsOf = (number: number) => forge.issue(REPO, number).labels.map(({ name }) => name).sort()

function expectTold(number: number, item: WorkItem): void {
  expect(own(number, item).map(({ body }) => body)).toEqual([expect.stringContaining('is working on this issue')])
  expect(labelsOf(number)).toEqual(['ai-factory:working'])
}

describe('an intake that is killed', () => {
  test('before or after any of its writes: the next one finishes, with one comment and the right labels', async () => {
    const rehearsed = await accepted()
    const calls: string[] = []
    await applyReport(intake({ before: async (call) => void calls.push(call) }), new Map(), rehearsed.item)
    expectTold(rehearsed.number, rehearsed.item)
    expect(calls.length).toBeGreaterThanOrEqual(4)

    for (const step of calls.keys()) {
      for (const when of ['before', 'after'] as const) {
        const { number, item } = await accepted()
        const died = Promise.withResolvers<void>()
        let seen = 0
        let isDead = false
        const die = async (which: string) => {
          if (which === 'before') seen += 1
          if (isDead || (seen > step && which === when)) {
            isDead = true
            died.resolve()
            await new Promise<never>(() => {})
          }
        }
        // The label may be there already from an earlier round: then there is one write less to die at.
        await Promise.race([died.promise, applyReport(intake({ before: () => die('before'), after: () => die('after') }), new Map(), item)])
        await applyReport(intake(), new Map(), item)
        expectTold(number, item)
      }
    }
  })

  test('a comment that was made and is not listed yet is the one, as soon as it is', async () => {
    const { number, item } = await accepted()
    const lagging = forge.fault({ match: { method: 'GET', path: `/repos/${REPO}/issues/${number}/comments` }, status: 200, body: [] })
    const cache = new Map<number, number>()
    const ctx = intake()
    await applyReport(ctx, cache, item)
    lagging.remove()
    await applyReport(intake(), new Map(), item)
    await applyReport(ctx, cache, item)
    expectTold(number, item)
    expect(forge.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/comments'))).toHaveLength(1)
  })
})

describe('two intakes at once', () => {
  test('both found no comment before either wrote one: one is left, and both go on with it', async () => {
    for (let round = 0; round < 5; round++) {
      const { number, item } = await accepted()
      const both = Promise.withResolvers<void>()
      let here = 0
      const before = async (call: string) => {
        if (!call.startsWith('POST') || !call.endsWith('/comments')) return
        here += 1
        if (here === 2) both.resolve()
        await both.promise
      }
      const [left, right] = [intake({ before }), intake({ before })]
      const caches = [new Map<number, number>(), new Map<number, number>()] as const
      await Promise.all([applyReport(left, caches[0], item), applyReport(right, caches[1], item)])
      expect(here).toBe(2)
      expectTold(number, item)
      const done = { ...item, status: 'completed' as const, pull: { number: 9, url: 'https://x/9' } }
      await applyReport(left, caches[0], done)
      await applyReport(right, caches[1], done)
      expect(own(number, item).map(({ body }) => body)).toEqual([expect.stringContaining('opened a pull request')])
      expect(labelsOf(number)).toEqual(['ai-factory:pr'])
    }
  })

  test('one that was frozen in the middle of older news puts right what it wrote over newer ones', async () => {
    const { number, item } = await accepted()
    const [frozen, thaw] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const written = new Set<string>()
    const slow = createReporter(
      intake({
        async before() {
          frozen.resolve()
          await thaw.promise
        },
        after: async (call) => void written.add(call),
      }),
    )
    const quick = createReporter(intake())
    slow.notify(item.id, { now: true })
    await frozen.promise
    orchestrator.move(item.id, 'completed', { pull: { number: 9, url: 'https://x/9' } })
    quick.notify(item.id, { now: true })
    await until(() => orchestrator.items.get(item.id)?.reportedRevision === orchestrator.items.get(item.id)?.revision, 'the newer news')
    thaw.resolve()
    // It did write over the newer ones.
    await until(() => [...written].some((call) => call.startsWith('PATCH')) && [...written].some((call) => call.startsWith('POST') && call.endsWith('/labels')), 'the older news')
    await until(() => labelsOf(number).join() === 'ai-factory:pr' && own(number, item).every(({ body }) => body.includes('opened a pull request')) && own(number, item).length === 1, 'the right ending')
    await slow.stop()
    await quick.stop()
    expect(labelsOf(number)).toEqual(['ai-factory:pr'])
  })
})

test('its comment is found behind two pages of others', async () => {
  const { number, item } = await accepted()
  for (let index = 0; index < 130; index++) forge.comment(REPO, number, ADA.login, `${marker(item.id)} I can write that, too (${index})`)
  await applyReport(intake(), new Map(), item)
  await applyReport(intake(), new Map(), { ...item, status: 'verifying' })
  expect(own(number, item).filter(({ user }) => user?.login === ROBOT.login).map(({ body }) => body)).toEqual([expect.stringContaining('checked in a clean room')])
})

test('a reason for waiting that is true for a moment is not written down; one on record is', async () => {
  const { number, item } = await accepted()
  const reporter = createReporter(intake())
  orchestrator.derived.set(item.id, { code: 'worker_slot', message: 'all 4 workers are busy', until: null })
  orchestrator.move(item.id, 'queued')
  reporter.notify(item.id)
  await until(() => own(number, item)[0]?.body.includes('in the factory’s queue'), 'the report')
  expect(own(number, item)[0]?.body).not.toContain('workers are busy')
  orchestrator.move(item.id, 'queued', { waiting: { code: 'usage_limit', message: 'the usage limit is reached', until: '2026-01-01T05:00:00.000Z' } })
  reporter.notify(item.id)
  await until(() => own(number, item)[0]?.body.includes('It waits: the usage limit is reached. It goes on at 2026-01-01 05:00 UTC.'), 'the reason on record')
  await reporter.stop()
})
