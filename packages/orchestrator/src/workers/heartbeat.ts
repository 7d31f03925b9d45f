import type { HeartbeatRequest, HeartbeatResponse, ProgressMessage } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { renewRunLocks } from '../locks/renew-run.ts'
import { EVENTS_CHANNEL, PROGRESS_CHANNEL } from '../ports/event-bus.ts'
import { noteOnItem } from '../work/note.ts'
import { bookUsage } from './book-usage.ts'
import { leaseEnd } from './lease.ts'
import { pushRef } from './refs.ts'
import { speakFor } from './speak.ts'
import { renewLease } from './store.ts'

/** Renews the lease and takes progress. The answer says whether to go on. */
export async function heartbeat(ctx: Context, ref: { id: number; itemId: number }, body: HeartbeatRequest): Promise<HeartbeatResponse> {
  const at = ctx.clock.now()
  const leaseExpiresAt = leaseEnd(ctx, at)
  const run = await ctx.db.sql.begin(async (tx) => {
    const { item, run } = await speakFor(tx, ref)
    await renewLease(tx, run.id, { at, leaseExpiresAt, progress: body.progress, headSha: body.headSha, baseSha: body.baseSha })
    await bookUsage(tx, run, body, at)
    const base = body.baseSha ?? run.base_sha
    const pushed = run.kind === 'build' && body.headSha && base ? { wip_ref: pushRef(item.id, run.token), wip_sha: body.headSha, base_sha: base } : null
    const environment = body.environment && !Bun.deepEquals(body.environment, item.environment) ? body.environment : null
    if ((pushed && pushed.wip_sha !== item.wip_sha) || environment) await noteOnItem(tx, item, { ...pushed, ...(environment ? { environment } : {}) }, at)
    if (environment) await recordEvent(tx, { type: 'work.environment', itemId: item.id, runId: run.id, data: environment })
    return run
  })
  ctx.metrics.heartbeat()
  await renewRunLocks(ctx, { repo: run.repo, runId: run.id, itemId: run.item_id })
  if (body.events.length > 0 || body.environment) void ctx.bus.publish(EVENTS_CHANNEL, {})
  if (body.progress) void ctx.bus.publish(PROGRESS_CHANNEL, { runId: run.id, itemId: run.item_id, progress: body.progress } satisfies ProgressMessage)
  return { leaseExpiresAt: leaseExpiresAt.toISOString(), command: run.cancel_code ? 'cancel' : 'continue', reason: run.cancel_reason }
}
