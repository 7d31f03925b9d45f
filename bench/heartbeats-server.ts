// For bench/heartbeats.ts: the orchestrator's app on a free loopback port, without its scheduler (which would
// look for the workers). Usage: heartbeats-server DATABASE_URL
import { createLogger } from '@factory/shared'
import { createApp } from '../packages/orchestrator/src/app.ts'
import { readConfig } from '../packages/orchestrator/src/config.ts'
import { buildContext } from '../packages/orchestrator/src/build-context.ts'
import { startFeed } from '../packages/orchestrator/src/events/feed.ts'
import { createMetrics } from '../packages/orchestrator/src/metrics/prometheus.ts'
import { backupRoutes } from '../packages/orchestrator/src/backup/routes.ts'
import { budgetHandlers } from '../packages/orchestrator/src/budget/routes.ts'
import { learningHandlers } from '../packages/orchestrator/src/learnings/routes.ts'
import { metricsHandlers } from '../packages/orchestrator/src/metrics/routes.ts'
import { statusHandlers } from '../packages/orchestrator/src/status/routes.ts'
import { workHandlers } from '../packages/orchestrator/src/work/routes.ts'
import { workerHandlers } from '../packages/orchestrator/src/workers/routes.ts'
import { runOfToken } from '../packages/orchestrator/src/workers/token.ts'
import { fakeRuntime } from '../packages/orchestrator/src/testing/fake-runtime.ts'
import type { Context } from '../packages/orchestrator/src/context.ts'

const log = createLogger('bench', 'silent')
const config = readConfig({ ...process.env, DATABASE_URL: process.argv[2], GITHUB_TOKEN: 'made-up-for-measuring' })
const world = await buildContext(config, log, { runtime: fakeRuntime() })
const metrics = createMetrics(world.ctx)
const ctx: Context = { ...world.ctx, metrics, leader: { epoch: () => null, assert: () => {}, leasesCountFrom: () => new Date(0), holder: () => null } }
const feed = await startFeed({ db: ctx.db, bus: ctx.bus, log })
const app = createApp<Context>({
  ctx,
  handlers: { ...workHandlers, ...workerHandlers, ...learningHandlers, ...budgetHandlers, ...metricsHandlers, ...statusHandlers({ version: '0.0.0', startedAt: new Date() }) },
  auth: {
    personToken: crypto.randomUUID(),
    authenticateRun: async (given) => {
      const run = await runOfToken(ctx, given)
      return run ? { runId: run.id, itemId: run.item_id, token: run.token } : null
    },
  },
  log,
  version: '0.0.0',
  stream: { db: ctx.db, feed, log },
  metrics,
  backup: backupRoutes(ctx, '0.0.0'),
  readiness: async () => ({ ready: true, waitingFor: [], parts: [] }),
})
const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: app.fetch })
console.log(`http://127.0.0.1:${server.port}`)
