import type { Context } from '../context.ts'
import { isNotLeading } from '../db/refusal.ts'
import { underEpoch } from '../leader/under.ts'
import { archiveOld } from './archive.ts'
import { cleanRefs } from './refs.ts'
import { sweepRuntime } from './sweep.ts'

/** Longest time of one pass; what is left is the next one's. */
const PASS_MS = 60_000

export type Housekept = { refs: number; archived: number; swept: number }

/**
 * The one pass that clears away: WIP refs, events, logs and runs of long ago, what the engine was left with.
 * In short transactions, oldest first, by the leader alone. It can be killed anywhere: each step looks before
 * it acts, and the next pass goes on.
 * @returns what it did; null where another orchestrator leads
 */
export async function housekeep(world: Context): Promise<Housekept | null> {
  const epoch = world.leader.epoch()
  if (epoch === null) return null
  const ctx = underEpoch(world, epoch)
  const until = new Date(ctx.clock.now().getTime() + PASS_MS)
  const done: Housekept = { refs: 0, archived: 0, swept: 0 }
  try {
    done.refs = await cleanRefs(ctx, until)
    done.archived = await archiveOld(ctx, until)
    done.swept = await sweepRuntime(ctx)
  } catch (error) {
    if (isNotLeading(error)) return null
    throw error
  }
  if (done.refs + done.archived + done.swept > 0) ctx.log.info(done, 'housekeeping')
  return done
}
