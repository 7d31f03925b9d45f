import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startForge, type Forge } from '@factory/rehearsal'
import { freePort } from '../../../packages/cli/src/stack/ports.ts'
import { createClient, type Client } from '../../../packages/orchestrator/src/client.ts'
import { connect, type Db } from '../../../packages/orchestrator/src/db/connect.ts'
import { migrate } from '../../../packages/orchestrator/src/db/migrate.ts'
import { LEADER_SECONDS, REPOSITORIES, repoName, type Variant } from '../plan.ts'
import { removeFences } from '../without/fencing.ts'
import { blobName } from '../worker/git-objects.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import { bundleWorker } from './bundle-worker.ts'
import { removeVolumes } from './containers.ts'
import { openDoor } from './door.ts'
import { startFleet, type Fleet } from './fleet.ts'
import { startPostgres, type OwnPostgres } from './postgres.ts'
import { startRedis, type OwnRedis } from './redis.ts'

export type World = {
  dir: string
  instance: string
  /** Where the process runtime keeps its workers. */
  workersDir: string
  journal: string
  containers: boolean
  limits: { workers: number; workersPerRepo: number; dailyIterations: number }
  postgres: OwnPostgres
  redis: OwnRedis
  forge: Forge
  fleet: Fleet
  /** The suite's own look into the database. */
  db: Db
  clients: readonly Client[]
  close(): Promise<void>
}

export type WorldOptions = {
  seed: number
  items: number
  variant: Variant
  postgresImage: string
  /** Workers in containers of this image; null: as processes. */
  workerImage: string | null
  leaseSeconds: number
  /** How many times as much as usual goes wrong per item. */
  density: number
}

const README = 'Nothing lost, nothing twice.\n'
const TOKEN = 'made-up-for-chaos'

/** A whole factory of its own: stores that may be killed, a forge that fails, orchestrators as processes. */
export async function openWorld({ seed, items, variant, postgresImage, workerImage, leaseSeconds }: WorldOptions): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'factory-chaos-'))
  // workers in containers are another user
  chmodSync(dir, 0o755)
  const instance = `chaos-${crypto.randomUUID().slice(0, 8)}`
  const closers: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const postgres = await startPostgres(postgresImage)
    closers.push(postgres.remove)
    const redis = await startRedis()
    closers.push(redis.stop)
    const forge = await startForge({ dataDir: join(dir, 'forge'), tokens: [{ token: TOKEN, login: 'factory-bot' }] })
    closers.push(() => forge.stop())
    const db = connect(postgres.url, { max: 3, connectTimeoutSeconds: 2, applicationName: 'chaos' })
    closers.push(() => db.close())
    await migrate(db.sql)
    if (variant === 'fencing') await removeFences(db.sql)
    const settings: WorkerSettings = { seed, journal: join(dir, 'journal'), repositories: {}, direct: variant === 'outbox' ? { apiUrl: forge.apiUrl, token: TOKEN } : null, workMs: { short: 60, long: 2500 } }
    for (let index = 0; index < REPOSITORIES; index += 1) {
      const repo = await forge.createRepo({ name: repoName(index), from: { 'README.md': README } })
      settings.repositories[repoName(index)] = { dir: repo.dir, base: repo.refs.get('refs/heads/main') ?? '', entries: [{ name: 'README.md', sha: blobName(README) }] }
    }
    writeFileSync(settings.journal, '')
    const doorDir = join(dir, 'door')
    const light = await bundleWorker(doorDir, settings)
    forge.setFaultRates({ refuse: 0.05, executeThenFail: 0.05, seed })
    mkdirSync(join(dir, 'data'))
    const limits = { ...(workerImage === null ? { workers: 16, workersPerRepo: 4 } : { workers: 4, workersPerRepo: 2 }), dailyIterations: Math.ceil(items * 0.4) }
    const ports = [await freePort(), await freePort()]
    const urls = ports.map((port) => `http://127.0.0.1:${port}`)
    if (workerImage !== null) {
      const door = openDoor(join(doorDir, 'gateway.sock'), settings, urls)
      closers.push(() => removeVolumes(instance), () => door.stop(true))
    }
    const token = `chaos-${crypto.randomUUID()}`
    const fleet = await startFleet({
      ports,
      dir,
      env: {
        PATH: process.env['PATH'] ?? '',
        LOG_LEVEL: 'warn',
        INSTANCE: instance,
        DATA_DIR: join(dir, 'data'),
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        GITHUB_API_URL: forge.apiUrl,
        GITHUB_URL: forge.url,
        GITHUB_TOKEN: TOKEN,
        FACTORY_TOKEN: token,
        CHAOS_DOORS: urls.join(','),
        CHAOS_DOOR_DIR: doorDir,
        ...(workerImage === null ? {} : { CHAOS_WORKER_IMAGE: workerImage }),
        MAX_WORKERS: String(limits.workers),
        MAX_WORKERS_PER_REPO: String(limits.workersPerRepo),
        DAILY_BUDGET: String(limits.dailyIterations),
        MAX_ITERATIONS: '2',
        MAX_ATTEMPTS: '10',
        MAX_LOSSES: '1000',
        COOLDOWN_SECONDS: '0',
        RETRY_BACKOFF_SECONDS: '0.1',
        LEASE_SECONDS: String(leaseSeconds),
        LEADER_SECONDS: String(LEADER_SECONDS),
        ...light,
        CHAOS_WITHOUT: variant,
      },
    })
    closers.push(() => fleet.stop())
    const clients = fleet.urls.map((baseUrl) => createClient({ baseUrl, token, timeoutMs: 4000 }))
    return { dir, instance, workersDir: join(dir, 'data', 'workers', instance), journal: settings.journal, containers: workerImage !== null, limits, postgres, redis, forge, fleet, db, clients, close }
  } catch (error) {
    await close()
    throw error
  }
}
