import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from '../context.ts'
import { loadRunAndKey } from './store.ts'
import type { RunRow } from './view.ts'

/** `frt_<run>_<hmac of run and fencing token>`: derived, so it is stored nowhere and survives restarts. */
export function runToken(key: string, run: { id: number; token: number }): string {
  return `frt_${run.id}_${createHmac('sha256', key).update(`${run.id}:${run.token}`).digest('base64url')}`
}

/** The run that a bearer token belongs to, live or not; null for a token nobody issued. */
export async function runOfToken(ctx: Pick<Context, 'db'>, token: string): Promise<RunRow | null> {
  const match = /^frt_(\d{1,9})_[A-Za-z0-9_-]{43}$/.exec(token)
  if (!match) return null
  const found = await loadRunAndKey(ctx.db.sql, Number(match[1]))
  if (!found) return null
  const right = Buffer.from(runToken(found.key, found.run))
  const given = Buffer.from(token)
  return given.length === right.length && timingSafeEqual(given, right) ? found.run : null
}
