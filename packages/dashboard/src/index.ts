import { join } from 'node:path'
import { Hono } from 'hono'
import type { DashboardConfig } from './config.ts'
import { loadAssets } from './server/assets.ts'
import { ensureBuilt } from './server/ensure-built.ts'
import { createProxy } from './server/proxy.ts'
import { securityHeaders } from './server/security.ts'

export { readConfig, type DashboardConfig } from './config.ts'

/** What a test may replace. */
export type DashboardOverrides = {
  /** Where the built page is; built when missing or stale. */
  dist?: string
}

/** How long open streams get to end by themselves when the service stops. */
const STOP_GRACE_MS = 2_000

/**
 * Serves the page and passes `/api/*` to the orchestrator. It holds no token: whoever calls must
 * bring one, so a reachable dashboard port gives nothing away.
 */
export async function start(config: DashboardConfig, overrides: DashboardOverrides = {}): Promise<{ url: string; stop(): Promise<void> }> {
  const dist = overrides.dist ?? join(import.meta.dir, '..', 'dist')
  await ensureBuilt(dist)
  const assets = await loadAssets(dist)
  const proxy = createProxy(config.orchestratorUrl)

  const app = new Hono()
  app.use(securityHeaders)
  app.get('/health', (c) => c.json({ ok: true }))
  app.all('/api/*', (c) => proxy(c.req.raw))
  app.get('*', (c) => assets.serve(c.req.raw, c.res.headers))
  app.notFound((c) => c.json({ error: { code: 'not_found', message: 'the dashboard serves pages by GET only', details: [] } }, 404))

  const server = Bun.serve({
    port: config.port,
    hostname: config.host,
    // The event stream is silent for 15 s at a time and open for days.
    idleTimeout: 0,
    maxRequestBodySize: 1_048_576,
    fetch: (request) => app.fetch(request),
  })
  return {
    url: `http://${server.hostname === '0.0.0.0' ? '127.0.0.1' : server.hostname}:${server.port}`,
    async stop() {
      proxy.stop()
      await Promise.race([server.stop(), Bun.sleep(STOP_GRACE_MS)])
      await server.stop(true)
    },
  }
}
