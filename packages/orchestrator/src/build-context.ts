import { createGithub, githubCredential } from '@factory/github'
import { ConfigError, type Logger } from '@factory/shared'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDockerRuntime } from './adapters/docker-runtime/index.ts'
import { createGithubForge } from './adapters/github-forge.ts'
import { createMemoryBus } from './adapters/memory-bus.ts'
import { createMemoryLocks } from './adapters/memory-locks.ts'
import { noEmbedder } from './adapters/no-embedder.ts'
import { createOpenAiEmbedder } from './adapters/openai-embedder.ts'
import { createProcessRuntime } from './adapters/process-runtime/index.ts'
import { createRedisBus } from './adapters/redis-bus.ts'
import { createRedisLocks } from './adapters/redis-locks.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { connect } from './db/connect.ts'
import { startEmbedded } from './db/embedded.ts'
import { pingStore } from './db/ping.ts'
import { migrate } from './db/migrate.ts'
import { watchStore, type StoreWatch } from './db/watch.ts'
import { createClock, type SyncedClock } from './ports/clock.ts'
import type { WorkerRuntime } from './ports/worker-runtime.ts'

export type World = {
  ctx: Omit<Context, 'metrics' | 'leader'>
  syncClock: SyncedClock['sync']
  store: Store
  close(): Promise<void>
}

/** The database as the start of the service needs it. */
export type Store = {
  db: Context['db']
  /** Begins to look whether it answers. null: it is in this process and cannot be away. */
  watch(onBack: () => void): StoreWatch | null
  /** Brings it to this code's version; gives the names of the files that were applied. */
  migrate(): Promise<string[]>
}

/** Builds the orchestrator's world: every adapter is made here, by the configuration, unless overridden. */
export async function buildContext(config: Config, log: Logger, overrides: Partial<Context> = {}): Promise<World> {
  const closers: (() => Promise<void>)[] = []
  try {
    const store = overrides.db ? givenStore(overrides.db) : await openStore(config, log, closers)
    const db = store.db
    const ours = createClock()
    const clock = overrides.clock ?? ours
    const locks = overrides.locks ?? (config.REDIS_URL ? createRedisLocks({ url: config.REDIS_URL, logger: log, instance: config.INSTANCE, clock }) : createMemoryLocks(clock))
    const bus = overrides.bus ?? (config.REDIS_URL ? createRedisBus({ url: config.REDIS_URL, logger: log }) : createMemoryBus(log))
    const runtime = overrides.runtime ?? (await chooseRuntime(config, log))
    closers.push(() => runtime.close(), () => bus.close(), () => locks.close())
    const embedder =
      overrides.embedder ??
      (config.OPENAI_API_KEY ? createOpenAiEmbedder({ apiKey: config.OPENAI_API_KEY, ...(config.OPENAI_BASE_URL ? { baseUrl: config.OPENAI_BASE_URL } : {}), model: config.EMBEDDING_MODEL, logger: log }) : noEmbedder)
    const forge = overrides.forge ?? buildForge(config, log)
    const ctx: World['ctx'] = { epoch: null, config, log, db, clock, locks, bus, embedder, runtime, forge, wake: overrides.wake ?? (() => {}) }
    return { ctx, syncClock: ours.sync, store, close: () => closeAll(closers, log) }
  } catch (error) {
    await closeAll(closers, log)
    throw error
  }
}

const givenStore = (db: Context['db']): Store => ({ db, watch: () => null, migrate: () => migrate(db.sql) })

async function openStore(config: Config, log: Logger, closers: (() => Promise<void>)[]): Promise<Store> {
  if (config.DATABASE_URL) return openServer(config.DATABASE_URL, log, closers)
  const directory = join(resolve(config.DATA_DIR), 'store')
  const embedded = await startEmbedded(directory)
  log.info({ directory }, 'embedded PostgreSQL: for one machine; set DATABASE_URL for a server')
  const db = connect(embedded.url, { max: embedded.max, silentMs: 0 })
  closers.push(() => embedded.close(), () => db.close())
  return givenStore(db)
}

function openServer(url: string, log: Logger, closers: (() => Promise<void>)[]): Store {
  const db = connect(url)
  // One connection that nothing else waits for: what it sees is the server, not our own queue.
  const probe = connect(url, { max: 1, connectTimeoutSeconds: 2, applicationName: 'factory-watch' })
  closers.push(() => db.close(), () => probe.close())
  return {
    db,
    watch(onBack) {
      const cut = (why: string) => {
        db.cut(why)
        probe.cut(why)
      }
      return watchStore({ ping: () => pingStore(probe), cut, onBack, log })
    },
    async migrate() {
      // A migration may take as long as it takes.
      const own = connect(url, { max: 1, silentMs: 0 })
      return migrate(own.sql).finally(() => own.close())
    },
  }
}

async function chooseRuntime(config: Config, log: Logger): Promise<WorkerRuntime> {
  if (config.WORKER_RUNTIME === 'process') return processRuntime(config, log)
  const docker = createDockerRuntime({
    instance: config.INSTANCE,
    workerImage: config.WORKER_IMAGE,
    workerSocketSource: config.WORKER_SOCKET_SOURCE ?? dirname(config.GATEWAY_SOCKET ?? join(resolve(config.DATA_DIR), 'gateway', 'gateway.sock')),
    ...(config.WORKER_CA_FILE ? { workerCaFile: config.WORKER_CA_FILE } : {}),
    ...(config.DOCKER_HOST ? { dockerHost: config.DOCKER_HOST } : {}),
    logger: log,
  })
  // asked for by name: an engine that is away now is waited for
  if (config.WORKER_RUNTIME === 'docker') return docker
  const answers = await docker.ping().then(() => true, () => false)
  if (answers) return docker
  await docker.close()
  return processRuntime(config, log)
}

function processRuntime(config: Config, log: Logger): WorkerRuntime {
  log.warn('WORKERS RUN AS PLAIN PROCESSES OF THIS USER: THIS IS NO SANDBOX. Use it for trying things out, and Docker for repositories and issues that you do not trust.')
  if (!config.CLAUDE_BIN) throw new ConfigError(['CLAUDE_BIN is not set: the process runtime needs it. Set it to the path of the claude binary (scripts/dev.sh does).'])
  const main = (name: string) => fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url))
  return createProcessRuntime({
    instance: config.INSTANCE,
    dataDir: config.DATA_DIR,
    command: [process.execPath, main('worker')],
    gatewayUrl: config.GATEWAY_URL,
    claudeBin: config.CLAUDE_BIN,
    // Ralph starts in a checkout: its bunfig.toml, which can name code to run first, and its .env are not ours.
    ralphCommand: `${process.execPath} --no-env-file --config=/dev/null ${main('ralph')}`,
    path: `${bunDirectory(config)}:${config.PATH}`,
  })
}

/** Repositories may call `bun` in their checks, as they can in our image; our own binary's file may have another name. */
function bunDirectory(config: Config): string {
  const directory = join(resolve(config.DATA_DIR), 'bin')
  mkdirSync(directory, { recursive: true })
  rmSync(join(directory, 'bun'), { force: true })
  symlinkSync(process.execPath, join(directory, 'bun'))
  return directory
}

function buildForge(config: Config, log: Logger) {
  const credential = githubCredential(config)
  return createGithubForge(
    createGithub({
      apiUrl: config.GITHUB_API_URL,
      webUrl: config.GITHUB_URL,
      logger: log,
      ...(credential.kind === 'token' ? { token: credential.token } : {}),
      ...(credential.kind === 'app' ? { app: { id: credential.id, privateKey: credential.privateKey } } : {}),
    }),
  )
}

/** In reverse order of opening; one that fails does not keep the others open. */
async function closeAll(closers: (() => Promise<void>)[], log: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    try {
      await close()
    } catch (error) {
      log.warn({ err: error }, 'a part did not close')
    }
  }
}
