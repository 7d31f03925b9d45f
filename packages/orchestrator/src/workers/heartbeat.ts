import type { HeartbeatRequest, HeartbeatResponse, ProgressMessage } from '@factory/shared'
import { LOCK_TTL_SECONDS } from '@factory/shared'
import type { Context } from '../context.ts'
import type { Tx } from '../db/connect.ts'
import { refusal } from '../db/refusal.ts'
import { renewRunLocks } from '../locks/renew-run.ts'
import { EVENTS_CHANNEL, PROGRESS_CHANNEL } from '../ports/event-bus.ts'
import { quietly } from '../transact.ts'
import { noteOnItem } from '../work/note.ts'
import type { ItemRow } from '../work/view.ts'
import { keepEvents } from './keep-events.ts'
import { leaseEnd } from './lease.ts'
import { pushRef, type RunRef } from './refs.ts'
import { speakFor } from './speak.ts'
import { callRenew, type Renewal } from './store.ts'

/** Renews the lease and takes progress. The answer says whether to go on. @throws FactoryError `stale_token` */
export async function heartbeat(ctx: Context, ref: RunRef, body: HeartbeatRequest): Promise<HeartbeatResponse> {
  const at = ctx.clock.now()
  const values = { at, leaseSeconds: ctx.config.LEASE_SECONDS, lockSeconds: LOCK_TTL_SECONDS, progress: body.progress, usage: body.usage, headSha: body.headSha, baseSha: body.baseSha }
  // Most heartbeats change the run alone: one statement, and the item's row stays free.
  const plain = body.events.length === 0 && body.environment === undefined && body.headSha === undefined
  const renewed = plain
    ? await callRenew(ctx.db.sql, ref, values).catch((error: unknown) => Promise.reject(refusal(error)))
    : await quietly(ctx, async (tx) => {
        const { item, run } = await speakFor(tx, ref)
        const renewal = await callRenew(tx, ref, values)
        await keepEvents(tx, run, body.events, at)
        await noteOnItsItem(tx, item, ref, renewal, body, at)
        return renewal
      })
  ctx.metrics.heartbeat()
  await renewRunLocks(ctx, { repo: renewed.repo, runId: ref.id, itemId: ref.itemId }, renewed.paths)
  if (body.events.length > 0 || body.environment) void ctx.bus.publish(EVENTS_CHANNEL, {})
  if (body.progress) void ctx.bus.publish(PROGRESS_CHANNEL, { runId: ref.id, itemId: ref.itemId, progress: body.progress } satisfies ProgressMessage)
  return { leaseExpiresAt: leaseEnd(ctx, at).toISOString(), command: renewed.cancel_code ? 'cancel' : 'continue', reason: renewed.cancel_reason }
}

/** What the next run would go on from, and the commands that are used for the repository. */
async function noteOnItsItem(tx: Tx, item: ItemRow, ref: RunRef, run: Renewal, body: HeartbeatRequest, at: Date): Promise<void> {
  if (run.kind === 'build' && body.headSha && run.base_sha && body.headSha !== item.wip_sha) {
    await noteOnItem(tx, item, { wip_ref: pushRef(item.id, ref.token), wip_sha: body.headSha, base_sha: run.base_sha }, at)
  }
  if (body.environment && !Bun.deepEquals(body.environment, item.environment)) {
    await noteOnItem(tx, item, { environment: body.environment }, at, { type: 'work.environment', runId: ref.id, data: body.environment })
  }
}
