import { describe, expect, test } from 'bun:test'
import { createLogger } from '@factory/shared'
import { checklistIssue, sampleDir, scriptsDir, startForge, startModel } from '@factory/rehearsal'
import { describeWith, need } from '@factory/rehearsal/testing'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../packages/cli/src/stack/ports.ts'
import { parseConfig as gatewayConfig, start as startGateway } from '../../packages/gateway/src/index.ts'
import { readConfig as intakeConfig, start as startIntake } from '../../packages/intake/src/index.ts'
import { buildContext } from '../../packages/orchestrator/src/build-context.ts'
import { readConfig } from '../../packages/orchestrator/src/config.ts'
import { testDatabase } from '../../packages/orchestrator/src/db/testing.ts'
import { start } from '../../packages/orchestrator/src/index.ts'
import { createFaults, faulty } from './faulty.ts'
import { waitFor } from './factory.ts'

const LONG = 600_000
const BOT = 'faults-bot-token'
/** Printed with each run. FAULTS_SEED=… runs one again, FAULTS_LOG=file keeps what the orchestrator said. */
const seed = Number(process.env['FAULTS_SEED'] ?? 20_261)

describeWith(['claude', 'postgres', 'redis'], 'the whole job while calls fail, hang, or are done and not answered', () => {
  describe.each([
    { rate: 0.01, items: 4 },
    // every tenth call: of a request with ten of them two thirds fail
    { rate: 0.033, items: 2 },
  ] as const)('process, $rate', ({ rate, items }) => {
    test('every item is completed with one pull request, and nothing is left', () => work('process', rate, items), LONG)
  })
})

describeWith(['claude', 'postgres', 'redis', 'docker', 'worker-image'], 'the same in containers', () => {
  test('every item is completed with one pull request, and nothing is left', () => work('docker', 0.01, 2), LONG)
})

async function work(runtime: 'process' | 'docker', rate: number, items: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'factory-faults-'))
  const database = await testDatabase()
  const forge = await startForge({ dataDir: join(dir, 'forge'), tokens: [{ token: BOT, login: 'factory-bot' }], associations: { you: 'OWNER' } })
  const model = await startModel({ scripts: scriptsDir })
  const ends: (() => Promise<unknown>)[] = [() => database.drop(), () => forge.stop(), () => model.stop()]
  try {
    // one each: they would all change the same files
    const repos = Array.from({ length: items }, (_, n) => `faults/sample-${n}`)
    for (const name of repos) await forge.createRepo({ name, from: sampleDir })
    const [port, gatewayPort] = [await freePort(), await freePort()]
    const env = {
      PATH: process.env['PATH'] ?? '',
      FACTORY_TOKEN: 'a-token-of-this-test-alone',
      GITHUB_TOKEN: BOT,
      GITHUB_URL: forge.url,
      GITHUB_API_URL: forge.apiUrl,
      ORCHESTRATOR_URL: `http://127.0.0.1:${port}`,
      GATEWAY_URL: `http://127.0.0.1:${gatewayPort}`,
      GATEWAY_SOCKET: join(dir, 'gw', 'gateway.sock'),
      DATA_DIR: dir,
      INSTANCE: `faults-${crypto.randomUUID().slice(0, 8)}`,
      LOG_LEVEL: 'silent',
    }
    const config = readConfig({
      ...env,
      ORCHESTRATOR_PORT: String(port),
      DATABASE_URL: database.url,
      REDIS_URL: need('redis'),
      WORKER_RUNTIME: runtime,
      ...(runtime === 'docker' ? { WORKER_IMAGE: need('worker-image') } : { CLAUDE_BIN: need('claude') }),
      COOLDOWN_SECONDS: '0',
      RETRY_BACKOFF_SECONDS: '0.5',
      MAX_WORKERS: '2',
      // faults cost runs, and this is not about how many are too many
      MAX_LOSSES: '1000',
      MAX_ATTEMPTS: '50',
      DAILY_BUDGET: '1000',
    })
    const log = createLogger('faults', process.env['FAULTS_LOG'] ? 'info' : 'silent', process.env['FAULTS_LOG'] ? { write: (line) => appendFileSync(process.env['FAULTS_LOG'] ?? '', line) } : undefined)
    const world = await buildContext(config, log)
    ends.push(() => world.close())
    const faults = createFaults({ rate, seed })
    const orchestrator = await start(config, { log, forge: world.ctx.forge, ...faulty(world.ctx, faults) })
    ends.push(() => orchestrator.stop())
    const gateway = await startGateway(gatewayConfig({ ...env, GATEWAY_PORT: String(gatewayPort), ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'rehearsal-not-a-real-key' }))
    ends.push(() => gateway.stop())
    const intake = await startIntake(intakeConfig({ ...env, INTAKE_PORT: '0', REPOS: repos.join(','), POLL_INTERVAL: '2000', INTAKE_AUTHORS: '*' }))
    ends.push(() => intake.stop())

    faults.on = true
    // behind the adapters, and for intake and the workers' git, too
    forge.fault({ probability: rate, seed, status: 502 })
    forge.fault({ probability: rate, seed: seed + 1, timeout: 500 })
    forge.fault({ probability: rate, seed: seed + 2, status: 502, executeThenFail: true })
    for (const repo of repos) forge.openIssue(repo, 'you', { ...checklistIssue, labels: ['ai-factory'] })

    // past the ports: to look must not fail
    const list = () => database.sql<{ source_id: string; status: string; why: string | null }[]>`select source_id, status, coalesce(failure_message, question, wait_message) as why from work_items order by source_id`
    await waitFor(
      async () => (await list()).filter((item) => item.status === 'completed').length === items,
      () => `${items} items to be completed (FAULTS_SEED=${seed}); ${JSON.stringify([...faults.counts])}`,
      LONG - 60_000,
    ).catch(async (error: unknown) => {
      faults.on = false
      throw new Error(`${error instanceof Error ? error.message : ''}; they are ${(await list()).map((item) => `${item.status} ${item.why ?? ''}`).join('; ')}`, { cause: error })
    })
    await waitFor(async () => (await database.sql`select 1 from runs where cleaned_at is null`).length === 0, () => 'every run to be cleaned up after')
    await waitFor(() => repos.every((repo) => forge.issue(repo, 1).labels.map((label) => label.name).join() === 'ai-factory:pr'), () => 'the labels to say so')
    faults.on = false
    console.log(`faults ${runtime} ${rate}, seed ${seed}: ${JSON.stringify(Object.fromEntries([...faults.counts].sort()))}; runs ${(await database.sql<{ n: number }[]>`select count(*) as n from runs`)[0]?.n}`)

    expect((await list()).map((item) => item.source_id)).toEqual(repos.map((repo) => `${repo}#1`))
    for (const repo of repos) {
      expect(forge.pulls(repo), repo).toHaveLength(1)
      expect(forge.comments(repo, 1), repo).toHaveLength(1)
      expect(await world.ctx.locks.list(repo)).toEqual([])
    }
    expect(await world.ctx.runtime.list()).toEqual([])
    expect(await database.sql`select * from file_locks`).toHaveLength(0)
    // nothing was booked twice: a day's iterations are those of its runs
    const [booked] = await database.sql<{ booked: number; used: number }[]>`select (select coalesce(sum(iterations), 0)::int from budget_days) as booked, (select sum(iterations)::int from runs) as used`
    expect(booked?.booked).toBe(booked?.used ?? -1)
    for (const kind of ['error', 'timeout', 'executed']) expect([...faults.counts].filter(([name]) => name.endsWith(kind)).reduce((sum, [, n]) => sum + n, 0), kind).toBeGreaterThan(0)
  } finally {
    for (const end of ends.reverse()) await end()
    rmSync(dir, { recursive: true, force: true })
  }
}
