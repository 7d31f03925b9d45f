import { carefulClock, createLogger, machineClocks, type Logger } from '@factory/shared'
import { hostname } from 'node:os'
import packageJson from '../package.json' with { type: 'json' }
import { createApp } from './app.ts'
import { backupRoutes } from './backup/routes.ts'
import { budgetHandlers } from './budget/routes.ts'
import { buildContext } from './build-context.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { openStore } from './db/open.ts'
import { startFeed } from './events/feed.ts'
import type { Handlers } from './http/handlers.ts'
import { backfillEmbeddings } from './learnings/backfill.ts'
import { createLeadership } from './leader/leadership.ts'
import { housekeep } from './housekeeping/housekeep.ts'
import { learningHandlers } from './learnings/routes.ts'
import { pumpLogs } from './logs/pump.ts'
import { keepLocks } from './locks/rebuild.ts'
import { createMetrics } from './metrics/prometheus.ts'
import { metricsHandlers } from './metrics/routes.ts'
import { startLoop, type Loop } from './scheduler/loop.ts'
import { StartError } from './ports/worker-runtime.ts'
import { checkReadiness, type Part } from './status/readiness.ts'
import { statusHandlers } from './status/routes.ts'
import { answerWaiting } from './status/waiting.ts'
import { every } from './timer.ts'
import { personToken } from './token-file.ts'
import { workHandlers } from './work/routes.ts'
import { runOfToken } from './workers/token.ts'
import { workerHandlers } from './workers/routes.ts'

export type Orchestrator = {
  url: string
  token: string
  ctx: Context
  /** Resolves when it works, which it does not before its database is there. Rejects when it never will; then it has to be stopped. */
  opened: Promise<void>
  /** Takes no new work, lets what is under way end, and leaves workers running: they are adopted at the next start. */
  stop(): Promise<void>
}

/**
 * Opens the store, migrates it, serves the API and runs the scheduler. Resolves when all of that is done, or when
 * the database is found away: then it serves /health and /ready, answers everything else with "ask again", and
 * goes on by itself when the database is there (`opened`).
 */
export async function start(config: Config, overrides: Partial<Context> & { log?: Logger } = {}): Promise<Orchestrator> {
  const log = overrides.log ?? createLogger('orchestrator', config.LOG_LEVEL)
  let loop: Loop | null = null
  const world = await buildContext(config, log, { ...overrides, wake: () => loop?.wake() })
  const metrics = createMetrics(world.ctx)
  const leader = createLeadership({
    db: world.ctx.db,
    log,
    holder: `${hostname()}:${process.pid}:${crypto.randomUUID().slice(0, 8)}`,
    leaderSeconds: config.LEADER_SECONDS,
    leaseSeconds: config.LEASE_SECONDS,
    steady: carefulClock(machineClocks),
    onTime: world.syncClock,
    onLead: () => loop?.wake(),
  })
  const ctx: Context = { ...world.ctx, leader: overrides.leader ?? leader, metrics: overrides.metrics ?? metrics }
  let waiting: Part | null = { name: 'database', ok: false, detail: 'not asked yet' }
  const watch = world.store.watch(() => {
    if (waiting === null) void leader.look().then(() => loop?.wake())
  })
  const missing = (): Part | null => {
    const away = watch?.away() ?? null
    return away === null ? waiting : { name: 'database', ok: false, detail: away }
  }
  const timers: { stop(): void }[] = []

  async function open(): Promise<void> {
    const applied = await openStore(world.store, watch, log)
    if (applied.length > 0) log.info({ applied }, 'migrated')
    waiting = { name: 'runtime', ok: false, detail: 'being prepared' }
    await ctx.runtime.prepare().catch((error: unknown) => {
      if (error instanceof StartError && error.permanent) throw error
      log.warn({ err: error }, 'the engine could not be prepared; the first start of a worker does it')
    })
    await leader.start()
    const locks = () => keepLocks(ctx)
    const locksFailed = (error: unknown) => log.debug({ err: error }, 'the lock table was not looked after; tried again in a second')
    // before anybody asks for a lock: a table of this process begins empty
    await locks().catch(locksFailed)
    timers.push(every(1000, locks, locksFailed))
    waiting = null
    loop = startLoop(ctx)
    // By the one that leads alone, to spare the model and the engine; two would do no harm.
    const leading = <T>(job: () => Promise<T>) => async () => (ctx.leader.epoch() === null ? null : job())
    timers.push(
      every(60_000, leading(() => backfillEmbeddings(ctx)), (error) => log.warn({ err: error }, 'learnings were not embedded; tried again in a minute')),
      every(600_000, () => housekeep(ctx), (error) => log.warn({ err: error }, 'housekeeping did not come to its end; it goes on in ten minutes')),
      every(2_000, leading(() => pumpLogs(ctx)), (error) => log.warn({ err: error }, 'the output of workers was not read; tried again in two seconds')),
    )
  }

  try {
    const token = personToken(config, log)
    const feed = await startFeed({ db: ctx.db, bus: ctx.bus, log })
    const handlers: Handlers<Context> = {
      ...workHandlers,
      ...workerHandlers,
      ...learningHandlers,
      ...budgetHandlers,
      ...metricsHandlers,
      ...statusHandlers({ version: packageJson.version, startedAt: ctx.clock.now() }),
    }
    const app = createApp<Context>({
      ctx,
      handlers,
      auth: {
        personToken: token,
        authenticateRun: async (given) => {
          const run = await runOfToken(ctx, given)
          return run ? { runId: run.id, itemId: run.item_id, token: run.token } : null
        },
      },
      log,
      version: packageJson.version,
      stream: { db: ctx.db, feed, log },
      metrics,
      readiness: () => checkReadiness(ctx, { waiting: missing() }),
      backup: backupRoutes(ctx, packageJson.version),
    })
    const opened = open()
    // A database that answers is opened before anybody hears of us; one that is away is waited for in the open.
    await (watch ? Promise.race([opened, watch.firstAway]) : opened)
    // main.ts hears of it by the promise itself
    opened.catch(() => undefined)
    const server = Bun.serve({
      port: config.ORCHESTRATOR_PORT,
      hostname: config.ORCHESTRATOR_HOST,
      idleTimeout: 0,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request) => answerWaiting(request, missing()) ?? app.fetch(request),
    })
    const url = `http://${config.ORCHESTRATOR_HOST === '0.0.0.0' ? '127.0.0.1' : config.ORCHESTRATOR_HOST}:${server.port}`
    log.info({ url, runtime: ctx.runtime.kind, isolation: ctx.runtime.isolation, locks: ctx.locks.kind }, waiting === null ? 'ready' : 'serves, and waits for its database')
    return {
      url,
      token,
      ctx,
      opened,
      async stop() {
        watch?.stop()
        for (const timer of timers) timer.stop()
        await opened.catch(() => undefined)
        await loop?.stop()
        await leader.stop()
        await feed.stop()
        await server.stop(true)
        await world.close()
      },
    }
  } catch (error) {
    watch?.stop()
    await leader.stop()
    await world.close()
    throw error
  }
}
