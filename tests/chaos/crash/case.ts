import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, closeSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Forge } from '@factory/rehearsal'
import { createLogger } from '@factory/shared'
import { z } from 'zod'
import { freePort } from '../../../packages/cli/src/stack/ports.ts'
import { createClient } from '../../../packages/orchestrator/src/client.ts'
import { readConfig } from '../../../packages/orchestrator/src/config.ts'
import { testDatabase } from '../../../packages/orchestrator/src/db/testing.ts'
import { start } from '../../../packages/orchestrator/src/index.ts'
import type { Facts } from '../check/facts.ts'
import { specOf } from '../plan.ts'
import { observe } from '../run/observe.ts'
import { pause, until } from '../until.ts'
import { blobName } from '../worker/git-objects.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import type { Point } from './boundaries.ts'
import { crashRuntime } from './crash-runtime.ts'

export type CrashWorld = { forge: Forge; token: string; redisUrl: string; keys: (pattern: string) => Promise<string[]>; lightWorker: string }

export type CrashResult = {
  /** The first orchestrator was killed where it was meant to be. */
  killed: boolean
  /** What the first one passed; empty when it was killed. */
  passed: Point[]
  facts: Facts
}

const Points = z.array(z.object({ name: z.string(), nth: z.number(), when: z.enum(['before', 'after']) }))
const README = 'One item, killed everywhere.\n'
const LIMIT_MS = 60_000
const LAST_LOOK_MS = 2500

/** One item from its asking to its pull request, with the first orchestrator killed at a point (null: nowhere) and a second one to finish. */
export async function runCase(world: CrashWorld, name: string, at: Point | null): Promise<CrashResult> {
  const dir = mkdtempSync(join(tmpdir(), `factory-crash-`))
  const database = await testDatabase({ max: 2 })
  const repo = `crash/${name}`
  const made = await world.forge.createRepo({ name: repo, from: { 'README.md': README } })
  const settings: WorkerSettings = {
    seed: 7,
    journal: join(dir, 'journal'),
    repositories: { [repo]: { dir: made.dir, base: made.refs.get('refs/heads/main') ?? '', entries: [{ name: 'README.md', sha: blobName(README) }] } },
    direct: null,
    workMs: { short: 5, long: 5 },
  }
  writeFileSync(settings.journal, '')
  writeFileSync(join(dir, 'settings.json'), JSON.stringify(settings))
  mkdirSync(join(dir, 'data'))
  const ports = [await freePort(), await freePort()] as const
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const instance = `crash-${name}`
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    LOG_LEVEL: 'info',
    INSTANCE: instance,
    DATA_DIR: join(dir, 'data'),
    DATABASE_URL: database.url,
    REDIS_URL: world.redisUrl,
    GITHUB_API_URL: world.forge.apiUrl,
    GITHUB_URL: world.forge.url,
    GITHUB_TOKEN: world.token,
    FACTORY_TOKEN: 'made-up-for-crash-points',
    MAX_WORKERS: '2',
    COOLDOWN_SECONDS: '0',
    RETRY_BACKOFF_SECONDS: '0.1',
    LEASE_SECONDS: '30',
    LEADER_SECONDS: '1',
    CHAOS_DOORS: urls.join(','),
    CHAOS_WORKER: world.lightWorker,
    CHAOS_SETTINGS: join(dir, 'settings.json'),
  }
  const clients = urls.map((baseUrl) => createClient({ baseUrl, token: 'made-up-for-crash-points', timeoutMs: 5000 }))
  const log = openSync(join(dir, 'log'), 'a')
  const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dir, 'child-main.ts')], {
    env: { ...env, ORCHESTRATOR_PORT: String(ports[0]), CRASH_PASSED: join(dir, 'passed'), ...(at ? { CRASH_NAME: at.name, CRASH_NTH: String(at.nth), CRASH_WHEN: at.when } : {}) },
    cwd: dir,
    stdin: 'ignore',
    stdout: log,
    stderr: log,
  })
  closeSync(log)
  let second: Awaited<ReturnType<typeof start>> | null = null
  let asked = false
  const done = async () => {
    const [row] = await database.sql<{ done: boolean }[]>`select exists (select from work_items where status in ('completed', 'failed')) and not exists (select from runs where cleaned_at is null) done`
    return row?.done === true
  }
  const ask = async () => {
    for (let tries = 0; !asked; tries += 1) {
      const client = clients[tries % 2]
      asked = (await client?.call('createWork', { body: { source: 'crash', sourceId: 'crash#1', repo, spec: specOf('One change', ['src/one.ts']) } }).then(() => true, () => false)) ?? false
      if (!asked) await pause(30)
    }
  }
  try {
    const asking = ask()
    const ended = () => child.exitCode !== null || child.signalCode !== null
    await until(async () => ended() || (asked && (await done())), () => `the first orchestrator to end or to finish: ${readFileSync(join(dir, 'log'), 'utf8').slice(-2000)}`, LIMIT_MS, 100)
    // The last points lie behind the end: the clock's next look.
    if (at) await until(ended, () => 'the end', LAST_LOOK_MS, 20).catch(() => {})
    const killed = child.signalCode === 'SIGKILL'
    if (!killed) {
      child.kill('SIGTERM')
      await child.exited
    } else {
      const config = readConfig({ ...env, ORCHESTRATOR_PORT: String(ports[1]) })
      second = await start(config, { log: createLogger('orchestrator', 'silent'), runtime: crashRuntime(config, env) })
    }
    await asking
    const stuck = await until(done, () => 'the second orchestrator to finish', LIMIT_MS, 100).then(() => null, (error: unknown) => error)
    const limits = { workers: 2, workersPerRepo: 2, dailyIterations: 200 }
    const facts = await observe({ db: database, forge: world.forge, repositories: [repo], keys: world.keys, instance, workersDir: join(dir, 'data', 'workers', instance), journal: settings.journal, containers: false, limits }, [{ sourceId: 'crash#1', repo }])
    if (stuck !== null && !killed) throw new Error(`the first orchestrator was not killed (it ended with ${child.exitCode ?? child.signalCode}), and the work stands still: ${readFileSync(join(dir, 'log'), 'utf8').slice(-3000)}`, { cause: stuck })
    return { killed, passed: killed ? [] : Points.parse(JSON.parse(readFileSync(join(dir, 'passed'), 'utf8'))), facts }
  } finally {
    child.kill('SIGKILL')
    await child.exited
    await second?.stop()
    await database.drop()
    rmSync(dir, { recursive: true, force: true })
  }
}
