import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { checklistIssue, demoIssue } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { Redis } from 'ioredis'
import { DEMO_REPO } from '../../packages/cli/src/demo/rehearse.ts'
import { emptyDatabase } from '../../packages/orchestrator/src/db/testing.ts'
import { startFactory, waitFor, type Factory } from './factory.ts'

type Made = { settings: Record<string, string>; after?: () => Promise<void> }

describeWith(['claude', 'docker', 'worker-image', 'postgres', 'redis'], 'from a label to a pull request: Docker, PostgreSQL, Redis, the real CLI', () => {
  mainJob(async () => {
    const database = await emptyDatabase()
    return {
      settings: { WORKER_RUNTIME: 'docker', WORKER_IMAGE: need('worker-image'), DATABASE_URL: database.url, REDIS_URL: need('redis') },
      after: async () => {
        const redis = new Redis(need('redis'))
        expect(await redis.keys(`lock:{${DEMO_REPO}}:*`)).toEqual([])
        redis.disconnect()
        await database.drop()
      },
    }
  })
})

describeWith(['claude'], 'from a label to a pull request: embedded store, memory, processes, the real CLI', () => {
  mainJob(async () => ({ settings: { WORKER_RUNTIME: 'process', DATABASE_URL: '', REDIS_URL: '' } }))
})

function mainJob(make: () => Promise<Made>) {
  describe('the main job', () => {
    let factory: Factory
    let made: Made
    beforeAll(async () => {
      made = await make()
      factory = await startFactory({ settings: made.settings })
    }, 120_000)
    afterAll(async () => {
      await factory.stop()
      await made.after?.()
    }, 60_000)

    test('prose: the spec is written, built, verified and published; the issue says so', async () => {
      const issue = factory.forge.openIssue(DEMO_REPO, 'you', { ...demoIssue, labels: ['ai-factory'] })
      const item = await factory.untilStatus((await factory.itemOf(DEMO_REPO, issue.number)).id, 'completed')

      const pulls = await factory.forge.pullsWithStats(DEMO_REPO)
      expect(pulls).toHaveLength(1)
      const files = pulls[0]?.files.map((file) => file.filename) ?? []
      expect(files).toContain('src/slugify.ts')
      expect(files).toContain('src/slugify.test.ts')
      expect(files.filter((name) => name === 'SPEC.md' || name.startsWith('.ai/') || name.startsWith('.claude/'))).toEqual([])
      expect(pulls[0]).toMatchObject({ number: item.pull?.number, head: { ref: item.branch } })
      expect(pulls[0]?.body).toContain(`Closes #${issue.number}`)

      expect(item.evidence).toMatchObject({ passed: true })
      expect(item.evidence?.head.map((check) => [check.command, check.exitCode])).toEqual([['bun test', 0]])
      const tests = { base: item.evidence?.base[0]?.tests?.passed ?? 0, head: item.evidence?.head[0]?.tests?.passed ?? 0 }
      expect(tests.head).toBeGreaterThan(tests.base)
      expect(item.usage.iterations).toBeGreaterThanOrEqual(2)
      const { events } = await factory.client.call('getWork', { params: { id: item.id } })
      const locked = events.filter((event) => event.type === 'lock.acquired').map((event) => JSON.stringify(event.data)).join()
      for (const file of files) expect(locked).toContain(JSON.stringify(file))
      expect(item.usage.costUsd).toBeGreaterThan(0)

      await waitFor(
        () => factory.forge.issue(DEMO_REPO, issue.number).labels.map((label) => label.name).join() === 'ai-factory:pr',
        () => `the label; there is ${factory.forge.issue(DEMO_REPO, issue.number).labels.map((label) => label.name).join()}`,
      )
      const comments = factory.forge.comments(DEMO_REPO, issue.number)
      expect(comments).toHaveLength(1)
      expect(comments[0]?.body).toContain(item.pull?.url ?? '(no address)')
    }, 120_000)

    test('a checklist is the spec as it stands, and what was learned before is given', async () => {
      const { learnings } = await factory.client.call('learnings', { query: { repo: DEMO_REPO } })
      expect(learnings.length).toBeGreaterThan(0)
      const issue = factory.forge.openIssue(DEMO_REPO, 'you', { ...checklistIssue, labels: ['ai-factory', 'priority:high'] })
      const item = await factory.untilStatus((await factory.itemOf(DEMO_REPO, issue.number)).id, 'completed')
      expect(item.priority).toBe('high')
      const { runs } = await factory.client.call('getWork', { params: { id: item.id } })
      expect(runs.map((run) => [run.kind, run.status])).toEqual([
        ['build', 'succeeded'],
        ['verify', 'succeeded'],
      ])
      const given = await factory.client.call('learnings', { query: { repo: DEMO_REPO } })
      expect(given.learnings.some((learning) => learning.timesGiven > 0)).toBe(true)
      expect(factory.model.requests.some((request) => request.prompt.includes(learnings[0]?.text.slice(0, 40) ?? '(none)'))).toBe(true)
    }, 120_000)

    test('merging the pull request closes the issue', async () => {
      await factory.forge.merge(DEMO_REPO, (await factory.forge.pullsWithStats(DEMO_REPO))[0]?.number ?? 0, 'you')
      expect(factory.forge.issue(DEMO_REPO, 1).state).toBe('closed')
    })

    test('the run’s token and the real credentials stay where they belong', () => {
      const seen = factory.model.requests.map((request) => request.headers['x-api-key'])
      expect(new Set(seen)).toEqual(new Set(['rehearsal-not-a-real-key']))
      expect(JSON.stringify(factory.model.requests.map((request) => request.body))).not.toMatch(/rehearsal-bot-token|frt_\d+_|fct_/)
    })
  })
}
