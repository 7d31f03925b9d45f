import type { Context } from '../context.ts'
import { ForgeError } from '../ports/forge.ts'
import { quietly } from '../transact.ts'
import { pushRef } from '../workers/refs.ts'
import { decideRefs, keptSince, nextAsk, type RefStep } from './decide.ts'
import { buildTokens, forgetGoingOn, loadDueRefs, lockEnded, callReleaseWip, setRefsAt, setRefsGone, type Ended } from './store.ts'

type Needs = Pick<Context, 'db' | 'clock' | 'config' | 'epoch' | 'forge' | 'log'>

/** Items of one pass: each costs the forge a call or two. */
const ITEMS_AT_A_TIME = 50
/** Whoever hears this can stop asking: the next call would be answered the same. */
const STOP: readonly string[] = ['rate_limited', 'unreachable', 'auth']

/**
 * Deletes the WIP refs of work that nobody goes on from. The time of the next look is written before the forge
 * is asked, so that an item is asked about once an hour at most, whatever happens meanwhile. A ref that is not
 * there is deleted already.
 * @returns how many items have no refs any more
 */
export async function cleanRefs(ctx: Needs, until: Date): Promise<number> {
  let cleaned = 0
  for (const id of await loadDueRefs(ctx.db.sql, ctx.clock.now(), ITEMS_AT_A_TIME)) {
    if (ctx.clock.now() >= until) break
    const begun = await begin(ctx, id)
    if (begun === null) continue
    try {
      if (begun.step.do === 'ask' && !(await isClosed(ctx, begun.item.repo, begun.step))) continue
      for (const token of begun.tokens) await ctx.forge.deleteRef(begun.item.repo, pushRef(id, token))
    } catch (error) {
      if (!(error instanceof ForgeError)) throw error
      if (!isGone(ctx, begun.item, error)) {
        ctx.log.warn({ err: error, itemId: id }, 'WIP refs were not deleted; tried again in an hour')
        if (STOP.includes(error.code)) break
        continue
      }
    }
    await quietly(ctx, async (tx) => {
      if (await lockEnded(tx, id)) await setRefsGone(tx, id)
    })
    cleaned++
  }
  return cleaned
}

type Begun = { item: Ended; step: Extract<RefStep, { do: 'ask' | 'delete' }>; tokens: number[] }

/** null: nothing is to be done now. */
async function begin(ctx: Needs, id: number): Promise<Begun | null> {
  const now = ctx.clock.now()
  return quietly(ctx, async (tx): Promise<Begun | null> => {
    const item = await lockEnded(tx, id)
    const step = item === null ? ({ do: 'forget' } as const) : decideRefs(item, ctx.config.RETENTION_DAYS, now)
    if (item === null || step.do === 'forget') {
      await forgetGoingOn(tx, id)
      return null
    }
    if (step.do === 'wait') {
      await setRefsAt(tx, id, step.until)
      return null
    }
    await setRefsAt(tx, id, nextAsk(now))
    // From here on a person's retry begins anew instead of going on from what is being deleted.
    if (item.status !== 'completed') await callReleaseWip(tx, id)
    return { item, step, tokens: await buildTokens(tx, id) }
  })
}

async function isClosed(ctx: Needs, repo: string, pull: { branch: string; pullNumber: number }): Promise<boolean> {
  const found = (await ctx.forge.findPulls(repo, pull.branch)).find((one) => one.number === pull.pullNumber)
  return found?.state === 'closed'
}

/** A repository that is not found may only be hidden for a while; after the time of retention it counts as gone. */
function isGone(ctx: Needs, item: Ended, error: ForgeError): boolean {
  const since = keptSince(ctx.config.RETENTION_DAYS, ctx.clock.now())
  return error.code === 'repository_not_found' && since !== null && item.endedAt < since
}
