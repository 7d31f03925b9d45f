import { expect, test } from 'bun:test'
import { demoIssue } from '@factory/rehearsal'
import { describeWith } from '@factory/rehearsal/testing'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { DEMO_REPO } from '../../packages/cli/src/demo/rehearse.ts'
import { startFactory, waitFor, type Factory } from './factory.ts'

const LIMIT = 180_000

async function cli(factory: Factory, ...args: string[]): Promise<unknown> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../../packages/cli/src/main.ts'), ...args, '--json'], {
    cwd: factory.dir,
    env: { PATH: process.env.PATH ?? '', FACTORY_URL: factory.stack.urls.orchestrator, FACTORY_TOKEN: factory.stack.token },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const out = await new Response(child.stdout).text()
  expect(await child.exited, out).toBe(0)
  return JSON.parse(out)
}

describeWith(['claude'], 'the store is lost while a run is under way', () => {
  test('an empty one takes the backup of a moment before: the run is lost, its work goes on, and there is one pull request', async () => {
    const factory = await startFactory({ settings: { WORKER_RUNTIME: 'process', DATABASE_URL: '', REDIS_URL: '', RETRY_BACKOFF_SECONDS: '1' } })
    try {
      const issue = factory.forge.openIssue(DEMO_REPO, 'you', { ...demoIssue, labels: ['ai-factory'] })
      const item = await factory.itemOf(DEMO_REPO, issue.number)
      await factory.until(item.id, 'in its second iteration', (now) => now.status === 'in_progress' && (now.run?.progress?.iteration ?? 0) >= 2)
      expect(await cli(factory, 'backup', 'save.gz')).toMatchObject({ rows: { work_items: 1 } })

      // nobody shall ask for the same issue again before the backup is there
      process.kill(factory.stack.pid('intake'), 'SIGSTOP')
      renameSync(join(factory.dir, 'store'), join(factory.dir, 'lost'))
      process.kill(factory.stack.pid('orchestrator'), 'SIGKILL')
      await waitFor(async () => (await factory.client.call('listWork', { query: {} })).items.length === 0, () => 'an orchestrator with an empty store')
      expect(await cli(factory, 'restore', 'save.gz')).toMatchObject({ requeued: [item.id], rows: { work_items: 1 } })
      process.kill(factory.stack.pid('intake'), 'SIGCONT')

      const done = await factory.untilStatus(item.id, 'completed')
      expect(done).toMatchObject({ attempts: 0, losses: 0 })
      expect(factory.forge.pulls(DEMO_REPO)).toHaveLength(1)
      const { runs } = await factory.client.call('getWork', { params: { id: item.id } })
      const builds = runs.filter((run) => run.kind === 'build')
      expect(builds.map((run) => run.status)).toEqual(['lost', 'succeeded'])
      expect(builds[0]?.outcome).toMatchObject({ code: 'restored', message: 'restored from a backup' })
      expect(builds[1]?.token).toBeGreaterThan(1_000_000)
      await waitFor(() => factory.forge.issue(DEMO_REPO, issue.number).labels.some((label) => label.name === 'ai-factory:pr'), () => 'the issue to say so')
    } finally {
      await factory.stop()
    }
  }, LIMIT)
})
