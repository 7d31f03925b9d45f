import { isTerminalWork, pause, WorkStatus } from '@factory/shared'
import { createApp } from './app.ts'
import type { Config } from './config.ts'
import { fromConfig, type Context, type Overrides } from './context.ts'
import { followEvents } from './follow.ts'
import { watchRepo } from './poll.ts'
import { reconcile } from './reconcile.ts'
import { createReporter, type Reporter } from './report/reporter.ts'
import { MAX_DELIVERY_BYTES } from './webhook.ts'

export { readConfig, type Config } from './config.ts'
export type { Overrides } from './context.ts'

export type Intake = { url: string; stop(): Promise<void> }

/** How long a graceful stop waits for what is under way: everything can be repeated. */
const STOP_MS = 2000

/** Starts intake: polls, webhooks, and reporting back. */
export async function start(config: Config, overrides: Overrides = {}): Promise<Intake> {
  const ctx = fromConfig(config, overrides)
  const ending = new AbortController()
  const reporter = createReporter(ctx)
  const looks = new Set<Promise<unknown>>()

  const app = createApp(ctx, {
    look(repo, number) {
      const look = reconcile(ctx, repo, number).then(
        ({ itemId, actions }) => {
          if (itemId !== null && actions.some(({ kind }) => kind !== 'none')) reporter.notify(itemId)
        },
        (error: unknown) => ctx.logger.warn({ repo, issue: number, err: error }, 'could not look at the issue of a delivery; the next poll will'),
      )
      looks.add(look)
      void look.finally(() => looks.delete(look))
    },
  })
  const server = Bun.serve({ port: config.INTAKE_PORT, hostname: config.INTAKE_HOST, maxRequestBodySize: MAX_DELIVERY_BYTES, fetch: app.fetch })
  const url = `http://${server.hostname === '0.0.0.0' || server.hostname === '::' ? '127.0.0.1' : server.hostname}:${server.port}`
  ctx.logger.info({ url, repos: config.REPOS, label: config.INTAKE_LABEL, webhooks: config.WEBHOOK_SECRET !== undefined }, 'intake is up')

  const loops = [...config.REPOS.map((repo) => watchRepo(ctx, repo, (itemId) => reporter.notify(itemId), ending.signal)), sweepForEver(ctx, reporter, ending.signal), followEvents(ctx, eventHandlers(ctx, reporter), ending.signal)]

  return {
    url,
    async stop() {
      ending.abort()
      await server.stop(true)
      const patience = new AbortController()
      await Promise.race([Promise.allSettled([...loops, ...looks, reporter.stop()]), pause(STOP_MS, patience.signal)])
      patience.abort()
      ctx.logger.info('intake has stopped')
    },
  }
}

/** What was missed while the stream was broken, or could not be told before, is told at every poll. */
async function sweepForEver(ctx: Context, reporter: Reporter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweep(ctx, reporter)
    await pause(ctx.config.POLL_INTERVAL, signal)
  }
}

function sweep(ctx: Context, reporter: Reporter): Promise<void> {
  return reporter.sweep().catch((error: unknown) => ctx.logger.warn({ err: error }, 'could not ask what is to be reported'))
}

function eventHandlers(ctx: Context, reporter: Reporter) {
  return {
    onConnect: () => void sweep(ctx, reporter),
    onEvent: (event: { type: string; itemId: number | null; data: Record<string, unknown> }) => {
      if (event.itemId === null) return
      const to = WorkStatus.safeParse(event.type === 'work.status' ? event.data['to'] : null)
      reporter.notify(event.itemId, { now: to.success && (isTerminalWork(to.data) || to.data === 'needs_input') })
    },
  }
}
