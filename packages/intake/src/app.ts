import { createHash, timingSafeEqual } from 'node:crypto'
import { FactoryError, HTTP_STATUS, type ErrorBody, type ErrorCode } from '@factory/shared'
import { Hono } from 'hono'
import type { Context } from './context.ts'
import { createWebhookReader, MAX_DELIVERY_BYTES } from './webhook.ts'

type Hooks = { /** Look at this issue soon. */ look(repo: string, number: number): void }

/** Intake's HTTP: deliveries in, health and status out. */
export function createApp(ctx: Context, hooks: Hooks): Hono {
  const app = new Hono()
  const readDelivery = createWebhookReader(ctx.config.WEBHOOK_SECRET, ctx.now)

  app.post('/webhooks/github', async (c) => {
    if (Number(c.req.header('content-length') ?? 0) > MAX_DELIVERY_BYTES) return c.json(errorBody('too_large', `a delivery has at most ${MAX_DELIVERY_BYTES} bytes`), 413)
    const verdict = await readDelivery(
      { signature: c.req.header('x-hub-signature-256') ?? null, event: c.req.header('x-github-event') ?? null, delivery: c.req.header('x-github-delivery') ?? null },
      await c.req.text(),
    )
    if (verdict.kind === 'refused') {
      ctx.logger.warn({ status: verdict.status, reason: verdict.message }, 'webhook refused')
      return c.json(errorBody(verdict.code, verdict.message), verdict.status)
    }
    if (verdict.kind === 'ignored') return c.json({ accepted: false, reason: verdict.reason }, 202)
    const repo = ctx.watched.get(verdict.repo.toLowerCase())
    if (repo === undefined) return c.json({ accepted: false, reason: `${verdict.repo} is not in REPOS` }, 202)
    hooks.look(repo, verdict.number)
    return c.json({ accepted: true, reason: null }, 202)
  })

  app.get('/health', (c) => c.json({ status: 'ok' }))

  app.get('/ready', async (c) => {
    try {
      await ctx.client.call('listWork', { query: { limit: 1 } }, { signal: AbortSignal.timeout(2000) })
      return c.json({ status: 'ready' })
    } catch (error) {
      return c.json({ status: 'not ready', reason: error instanceof FactoryError ? error.message : 'the orchestrator’s answer is not understood' }, 503)
    }
  })

  app.get('/status', (c) => {
    const given = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1]
    if (given === undefined || !same(given, ctx.config.FACTORY_TOKEN)) return c.json(errorBody('unauthorized', 'send FACTORY_TOKEN as a bearer token'), 401)
    return c.json({ label: ctx.config.INTAKE_LABEL, authors: ctx.config.INTAKE_AUTHORS, webhooks: ctx.config.WEBHOOK_SECRET !== undefined, ...ctx.board.snapshot() })
  })

  app.notFound((c) => c.json(errorBody('not_found', `there is no ${c.req.method} ${c.req.path}`), 404))
  app.onError((error, c) => {
    const code = error instanceof FactoryError ? error.code : 'internal'
    ctx.logger.error({ err: error, path: c.req.path }, 'request failed')
    return c.json(errorBody(code, error instanceof FactoryError ? error.message : 'something went wrong here; the log says more'), HTTP_STATUS[code])
  })
  return app
}

function errorBody(code: ErrorCode, message: string): ErrorBody {
  return { error: { code, message, details: [] } }
}

/** Takes the same time however much of it is right. */
function same(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}
