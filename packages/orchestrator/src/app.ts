import type { Logger } from '@factory/shared'
import type { Hono } from 'hono'
import { eventRoutes } from './events/routes.ts'
import type { StreamOptions } from './events/stream.ts'
import { authenticate, bearerFromBasic, type Authentication } from './http/authenticate.ts'
import { docsPage } from './http/docs-page.ts'
import type { Handlers } from './http/handlers.ts'
import { mount, type ApiApp } from './http/mount.ts'
import { openApi } from './http/openapi.ts'
import type { Metrics } from './metrics/prometheus.ts'
import type { Readiness } from './status/readiness.ts'

export type AppOptions<Context> = {
  ctx: Context
  handlers: Handlers<Context>
  auth: Authentication
  log: Logger
  version: string
  stream: StreamOptions
  metrics: Metrics
  readiness: () => Promise<Readiness>
  /** Serves /backup and /restore. */
  backup: Hono
  checkAnswers?: boolean
}

/** Everything that the orchestrator serves: the API from its table, and beside it what is not JSON. */
export function createApp<Context>(options: AppOptions<Context>): ApiApp {
  const app = mount<Context>({ ...options, onServed: (served) => options.metrics.served(served) })
  const document = openApi(options.version)
  const page = docsPage(options.version)

  app.get('/health', (c) => {
    c.set('route', '/health')
    return c.json({ ok: true })
  })
  app.get('/ready', async (c) => {
    c.set('route', '/ready')
    const readiness = await options.readiness()
    return c.json(readiness, readiness.ready ? 200 : 503)
  })

  app.use('/metrics', async (c, next) => {
    c.set('route', '/metrics')
    await authenticate(options.auth, 'person', c.req.header('authorization'), undefined)
    await next()
  })
  app.get('/metrics', async (c) => c.text(await options.metrics.render(), 200, { 'content-type': options.metrics.contentType }))

  for (const path of ['/openapi.json', '/docs'] as const) {
    app.use(path, async (c, next) => {
      c.set('route', path)
      const header = c.req.header('authorization')
      // A browser shows its password prompt only for this; programs send a bearer token anyway.
      if (header === undefined) return c.text('This needs the factory token: as a bearer token, or in a browser as the password.\n', 401, { 'www-authenticate': 'Basic realm="factory"' })
      await authenticate(options.auth, 'person', bearerFromBasic(header), undefined)
      return next()
    })
  }
  app.get('/openapi.json', (c) => c.json(document))
  app.get('/docs', (c) => c.html(page, 200, { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" }))

  app.use('/api/events', async (c, next) => {
    c.set('route', '/api/events')
    await authenticate(options.auth, 'person', c.req.header('authorization'), undefined)
    await next()
  })
  app.route('/api/events', eventRoutes(options.stream))

  for (const path of ['/api/backup', '/api/restore'] as const) {
    app.use(path, async (c, next) => {
      c.set('route', path)
      await authenticate(options.auth, 'person', c.req.header('authorization'), undefined)
      await next()
    })
  }
  app.route('/api', options.backup)
  return app
}
