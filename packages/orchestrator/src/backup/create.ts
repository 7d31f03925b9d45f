import { FactoryError } from '@factory/shared'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Context } from '../context.ts'
import { dumpLines } from './dump.ts'
import { spool } from './spool.ts'

type Needs = Pick<Context, 'db' | 'clock' | 'config' | 'log'>

/**
 * Longest time that a store of one connection (the embedded one) may stand still for a backup. Workers live
 * through two minutes without an orchestrator.
 */
const LONGEST_PAUSE_MS = 90_000

/**
 * A backup as gzip'd bytes, read as fast as it is taken. On a store with one connection nothing else runs
 * while the snapshot is read, so that is done first and as fast as the disk is, and then told.
 */
export async function createBackup(ctx: Needs, factory: string, longestPauseMs = LONGEST_PAUSE_MS): Promise<Readable> {
  const packed = createGzip({ level: 6 })
  if (ctx.db.sql.options.max > 1) return carry(ctx, Readable.from(dumpLines(ctx, factory)), packed)
  const started = performance.now()
  const file = await spool(carry(ctx, Readable.from(within(dumpLines(ctx, factory), started + longestPauseMs)), packed), ctx.config.DATA_DIR)
  ctx.log.info({ ms: Math.round(performance.now() - started) }, 'the embedded store was read for a backup; everything waited meanwhile')
  const out = new PassThrough()
  pipeline(file.read(), out)
    .catch(() => {})
    .finally(() => file.close())
  return out
}

/** An end or an error of either side is one of the other, so that the snapshot goes with a reader who left. */
function carry(ctx: Pick<Context, 'log'>, source: Readable, sink: ReturnType<typeof createGzip>): Readable {
  pipeline(source, sink).catch((error: unknown) => ctx.log.warn({ err: error }, 'a backup broke off'))
  return sink
}

async function* within(lines: AsyncGenerator<string>, until: number): AsyncGenerator<string> {
  for await (const line of lines) {
    if (performance.now() > until) {
      throw new FactoryError('unavailable', 'the embedded store is too large to be read while the factory runs: stop the factory and copy its directory, or move to PostgreSQL')
    }
    yield line
  }
}
