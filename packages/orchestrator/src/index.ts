import { createLogger, type Logger } from '@factory/shared'
import packageJson from '../package.json' with { type: 'json' }
import { createApp } from './app.ts'
import { buildContext } from './build-context.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { migrate } from './db/migrate.ts'
import { startFeed } from './events/feed.ts'
import type { Handlers } from './http/handlers.ts'
import { backfillEmbeddings } from './learnings/backfill.ts'
import { learningHandlers } from './learnings/routes.ts'
import { createMetrics } from './metrics/prometheus.ts'
import { metricsHandlers } from './metrics/routes.ts'
import { startLoop, type Loop } from './scheduler/loop.ts'
import { checkReadiness } from './status/readiness.ts'
import { statusHandlers } from './status/routes.ts'
import { every } from './timer.ts'
import { personToken } from './token-file.ts'
import { workHandlers } from './work/routes.ts'
import { runOfToken } from './workers/token.ts'
import { workerHandlers } from './workers/routes.ts'

export type Orchestrator = {
  url: string
  token: string
  ctx: Context
  /** Takes no new work, lets what is under way end, and leaves workers running: they are adopted at the next start. */
  stop(): Promise<void>
}

/** Opens the store, migrates it, serves the API and runs the scheduler. */
export async function start(config: Config, overrides: Partial<Context> & { log?: Logger } = {}): Promise<Orchestrator> {
  const log = overrides.log ?? createLogger('orchestrator', config.LOG_LEVEL)
  let loop: Loop | null = null
  const world = await buildContext(config, log, { ...overrides, wake: () => loop?.wake() })
  const metrics = createMetrics(world.ctx)
  const ctx: Context = { ...world.ctx, metrics: overrides.metrics ?? metrics }
  try {
    const applied = await migrate(ctx.db.sql)
    if (applied.length > 0) log.info({ applied }, 'migrated')
    await ctx.runtime.prepare()
    const token = personToken(config, log)
    const feed = await startFeed({ db: ctx.db, bus: ctx.bus, log })
    const handlers: Handlers<Context> = {
      ...workHandlers,
      ...workerHandlers,
      ...learningHandlers,
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
          return run ? { runId: run.id, itemId: run.item_id } : null
        },
      },
      log,
      version: packageJson.version,
      stream: { db: ctx.db, feed, log },
      metrics,
      readiness: () => checkReadiness(ctx),
    })
    const server = Bun.serve({ port: config.ORCHESTRATOR_PORT, hostname: config.ORCHESTRATOR_HOST, idleTimeout: 0, fetch: app.fetch })
    loop = startLoop(ctx)
    const backfill = every(60_000, () => backfillEmbeddings(ctx), (error) => log.warn({ err: error }, 'learnings were not embedded; tried again in a minute'))
    const url = `http://${config.ORCHESTRATOR_HOST === '0.0.0.0' ? '127.0.0.1' : config.ORCHESTRATOR_HOST}:${server.port}`
    log.info({ url, runtime: ctx.runtime.kind, isolation: ctx.runtime.isolation, locks: ctx.locks.kind }, 'ready')
    return {
      url,
      token,
      ctx,
      async stop() {
        backfill.stop()
        await loop?.stop()
        await feed.stop()
        await server.stop(true)
        await world.close()
      },
    }
  } catch (error) {
    await world.close()
    throw error
  }
}
