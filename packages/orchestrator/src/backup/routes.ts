import { FactoryError, type RestoreReport } from '@factory/shared'
import { Hono } from 'hono'
import { Readable } from 'node:stream'
import type { Context } from '../context.ts'
import { createBackup } from './create.ts'
import { restoreBackup } from './restore.ts'

/** `GET /backup` and `POST /restore`: bytes both ways, so they stand beside the table of the JSON API. */
export function backupRoutes(ctx: Context, version: string): Hono {
  const app = new Hono()
  app.get('/backup', async () => {
    const backup = await createBackup(ctx, version)
    const name = `factory-backup-${ctx.clock.now().toISOString().replaceAll(/[:.]/g, '-')}.ndjson.gz`
    return new Response(Readable.toWeb(backup) as unknown as ReadableStream, {
      headers: { 'content-type': 'application/gzip', 'content-disposition': `attachment; filename="${name}"`, 'cache-control': 'no-store' },
    })
  })
  app.post('/restore', async (c) => {
    const body = c.req.raw.body
    if (!body) throw new FactoryError('bad_request', 'the body must be a backup')
    return c.json((await restoreBackup(ctx, Readable.fromWeb(body as never))) satisfies RestoreReport)
  })
  return app
}
