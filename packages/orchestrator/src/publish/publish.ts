import { FactoryError } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { ForgeError, type ForgePull } from '../ports/forge.ts'
import { transact } from '../transact.ts'
import { lockItem } from '../work/lock.ts'
import { moveItem } from '../work/move.ts'
import { readItemRow } from '../work/read-row.ts'
import type { ItemRow } from '../work/view.ts'
import { reportOf, usageOf } from '../workers/view.ts'
import { decidePull, nextTry } from './decide.ts'
import { PullPayload } from './record.ts'
import { renderPull } from './render.ts'
import { lockEffect, setEffectDone, setEffectFailed, type EffectRow } from './store.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'clock' | 'forge' | 'log'>

/**
 * Opens the pull request that an item owes. Every step looks before it acts, so that it can be killed
 * between any two of them and tried again for ever without a second visible result: the branch name is
 * the item's own, and pull requests for it are looked up in all states before one is created.
 */
export async function publishPullRequest(ctx: Needs, effect: EffectRow): Promise<void> {
  const payload = PullPayload.parse(effect.payload)
  const item = await readItemRow(ctx, effect.item_id)
  try {
    await finish(ctx, effect, await openPull(ctx, item, payload))
  } catch (error) {
    // anything unforeseen is tried again with back-off and then given up with its words, like the forge's own failures
    await noteFailure(ctx, effect, error instanceof ForgeError ? error : new ForgeError('unknown', error instanceof Error ? error.message : String(error), { cause: error }))
  }
}

async function openPull(ctx: Needs, item: ItemRow, payload: PullPayload): Promise<ForgePull> {
  const base = payload.base ?? (await ctx.forge.repository(payload.repo)).defaultBranch
  const expected = await ctx.forge.branchHead(payload.repo, payload.branch)
  const moved = await ctx.forge.moveBranch(payload.repo, payload.branch, payload.headSha, expected)
  if (moved.kind === 'conflict') throw new ForgeError('unknown', `${payload.branch} was moved by somebody else to ${moved.actual ?? 'nothing'}; looking again`)
  const text = renderPull(pullFacts(item))
  const step = decidePull(await ctx.forge.findPulls(payload.repo, payload.branch))
  switch (step.do) {
    case 'create':
      return (await ctx.forge.createPull({ repo: payload.repo, head: payload.branch, base, ...text })).pull
    case 'update':
      return ctx.forge.updatePull(payload.repo, step.pull.number, { ...text, ...(step.reopen ? { state: 'open' as const } : {}) })
    case 'keep':
      return step.pull
    default:
      return step satisfies never
  }
}

function pullFacts(item: ItemRow) {
  const report = reportOf(item.evidence)
  if (!report) throw new FactoryError('internal', `item ${item.id} is to be published without evidence`)
  const issue = /^([^#]+)#(\d+)$/.exec(item.source_id)
  const closes = item.source === 'github' && issue && issue[1]?.toLowerCase() === item.repo.toLowerCase() ? Number(issue[2]) : null
  return { itemId: item.id, title: item.title, closes, sourceUrl: item.source_url, spec: item.spec, summary: item.summary, report, usage: usageOf(item.usage) }
}

async function finish(ctx: Needs, effect: EffectRow, pull: ForgePull): Promise<void> {
  const at = ctx.clock.now()
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, effect.item_id)
    const row = await lockEffect(tx, effect.id)
    // cancelled meanwhile: the pull request stands, and the record says so
    if (row?.status === 'pending') {
      await setEffectDone(tx, effect.id, { number: pull.number, url: pull.url }, at)
      await recordEvent(tx, { type: 'effect.done', itemId: effect.item_id, runId: null, data: { kind: effect.kind, number: pull.number, url: pull.url } })
    }
    if (item?.status === 'publishing') {
      await moveItem(tx, item, 'completed', { reason: `pull request #${pull.number} is open`, set: { pull_number: pull.number, pull_url: pull.url, completed_at: at }, at })
    }
  })
}

async function noteFailure(ctx: Needs, effect: EffectRow, error: ForgeError): Promise<void> {
  const at = ctx.clock.now()
  const next = nextTry(effect.attempts + 1, error, at)
  ctx.log.warn({ err: error, itemId: effect.item_id, next }, 'the pull request was not opened')
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, effect.item_id)
    const row = await lockEffect(tx, effect.id)
    if (row?.status !== 'pending') return
    await setEffectFailed(tx, effect.id, error.message, next)
    await recordEvent(tx, { type: 'effect.failed', itemId: effect.item_id, runId: null, data: { kind: effect.kind, code: error.code, message: error.message, next: next?.toISOString() ?? null } })
    if (next === null && item?.status === 'publishing') {
      const message = `the work is verified, but its pull request could not be opened: ${error.message}. A retry takes up there.`
      await moveItem(tx, item, 'failed', { reason: message, set: { failure_code: error.code, failure_message: message }, at })
    }
  })
}
