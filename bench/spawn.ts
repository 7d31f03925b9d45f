import { need } from '@factory/rehearsal/testing'
import { DEMO_REPO } from '../packages/cli/src/demo/rehearse.ts'
import { emptyDatabase } from '../packages/orchestrator/src/db/testing.ts'
import { startFactory, waitFor } from '../tests/e2e/factory.ts'
import { against, percentile, round, type Figure } from './figure.ts'

const ROUNDS = 20

/** Time from the moment a label is set until the engine says "started", and the same for `docker run`; in turn. */
export async function run(): Promise<Figure[]> {
  const image = need('worker-image')
  const database = await emptyDatabase()
  const factory = await startFactory({
    settings: { WORKER_RUNTIME: 'docker', WORKER_IMAGE: image, DATABASE_URL: database.url, MAX_WORKERS: '1', DAILY_BUDGET: '100000', POLL_INTERVAL: '600000', ...(process.env.TEST_REDIS_URL ? { REDIS_URL: process.env.TEST_REDIS_URL } : {}) },
  })
  const events = await watchStarts()
  const ours: number[] = []
  const bare: number[] = []
  try {
    // the first of each fills caches and is not counted
    for (let round = 0; round <= ROUNDS; round++) {
      const labelled = Date.now()
      const issue = factory.forge.openIssue(DEMO_REPO, 'you', { title: `bench ${round}`, body: '- [ ] nothing to do', labels: ['ai-factory'] })
      const item = await factory.itemOf(DEMO_REPO, issue.number)
      const started = await events.next((name) => name.includes(`factory-worker-${item.id}-`))
      if (round > 0) ours.push(started - labelled)
      await factory.client.call('cancelWork', { params: { id: item.id }, body: { reason: 'measured' } })
      await waitFor(async () => (await factory.client.call('listWorkers', { query: { live: 'true' } })).workers.length === 0, () => 'the worker to end')

      const name = `factory-bench-${process.pid}-${round}`
      const asked = Date.now()
      const docker = Bun.spawn(['docker', 'run', '--rm', '--name', name, '--network', 'none', '--entrypoint', '/bin/true', image], { stdout: 'ignore', stderr: 'ignore' })
      const up = await events.next((one) => one === name)
      await docker.exited
      if (round > 0) bare.push(up - asked)
    }
  } finally {
    events.stop()
    await factory.stop()
    await database.drop()
  }
  const added = ours.map((value, index) => value - (bare[index] ?? 0))
  return [
    against('label to container started, p50', percentile(ours, 0.5), 'ms', 'docker run', percentile(bare, 0.5)),
    against('label to container started, p95', percentile(ours, 0.95), 'ms', 'docker run', percentile(bare, 0.95)),
    { name: 'added by the factory, p50 of pairs', value: round(percentile(added, 0.5)), unit: 'ms' },
  ]
}

/** The engine's own word on when each container started, in milliseconds. */
async function watchStarts(): Promise<{ next(match: (name: string) => boolean): Promise<number>; stop(): void }> {
  const proc = Bun.spawn(['docker', 'events', '--filter', 'type=container', '--filter', 'event=start', '--format', '{{.TimeNano}} {{.Actor.Attributes.name}}'], { stdout: 'pipe', stderr: 'ignore' })
  const seen: { name: string; at: number }[] = []
  void (async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of proc.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [nanos, name] = line.split(' ')
        if (nanos && name) seen.push({ name, at: Number(nanos) / 1e6 })
      }
    }
  })()
  return {
    async next(match) {
      await waitFor(() => seen.some((one) => match(one.name)), () => 'a container to start', 60_000)
      return seen.find((one) => match(one.name))?.at ?? Number.NaN
    },
    stop: () => proc.kill(),
  }
}
