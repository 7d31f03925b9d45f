import { FactoryError } from '@factory/shared'
import type { Context } from '../context.ts'
import { isStoreAway } from '../db/away.ts'
import { isNotLeading } from '../db/refusal.ts'
import { recordEvent } from '../events/record.ts'
import { ForgeError, type Forge, type ForgePull } from '../ports/forge.ts'
import { transact } from '../transact.ts'
import { lockItem } from '../work/lock.ts'
import { moveItem } from '../work/move.ts'
import { readItemRow } from '../work/read-row.ts'
import type { ItemRow } from '../work/view.ts'
import { reportOf, usageOf } from '../workers/view.ts'
import { decidePull, nextTry } from './decide.ts'
import { PullPayload } from './record.ts'
import { renderPull } from './render.ts'
import { loadOwed, loadOwedSince, lockEffect, setEffectDone, setEffectFailed, setEffectWaiting, type EffectRow } from './store.ts'

type Needs = Pick<Context, 'db' | 'bus' | 'wake' | 'epoch' | 'clock' | 'forge' | 'log'>

/**
 * Opens the pull request that an item owes. Every step looks before it acts, so that it can be killed
 * between any two of them and tried again for ever without a second visible result: the branch name is
 * the item's own, and pull requests for it are looked up in all states before one is created. Before each
 * step that others can see it makes sure that this very work is still owed, so that a publisher that was
 * frozen for an hour does nothing when it thaws.
 */
export async function publishPullRequest(ctx: Needs, effect: EffectRow): Promise<void> {
  const payload = PullPayload.parse(effect.payload)
  try {
    const item = await readItemRow(ctx, effect.item_id)
    await finish(ctx, effect, payload, await openPull(ctx, item, effect, payload))
  } catch (error) {
    if (error instanceof NotOwed) return ctx.log.info({ itemId: effect.item_id }, 'the pull request is not owed any more: nothing is done')
    // The forge refused nothing: whoever leads then tries again at once, and no try is used up.
    if (isNotLeading(error) || isStoreAway(error)) throw error
    // anything unforeseen is tried again with back-off and then given up with its words, like the forge's own failures
    await noteFailure(ctx, effect, payload, error instanceof ForgeError ? error : new ForgeError('unknown', error instanceof Error ? error.message : String(error), { cause: error }))
  }
}

/** Somebody else carried it out, a person cancelled the item, or newer work is to be published instead. */
class NotOwed extends Error {}

async function openPull(ctx: Needs, item: ItemRow, effect: EffectRow, payload: PullPayload): Promise<ForgePull> {
  const { repo, branch, headSha } = payload
  const stillOwed = async () => {
    const row = await loadOwed(ctx.db.sql, effect.id)
    if (!row || !isSameWork(row, payload)) throw new NotOwed()
  }
  const text = renderPull(pullFacts(item))
  const base = payload.base ?? (await ctx.forge.repository(repo)).defaultBranch
  const before = decidePull(await ctx.forge.findPulls(repo, branch))
  if (before.do === 'keep') return before.pull
  if (before.do === 'update' && before.reopen) {
    // GitHub reopens only what stands where it stood when it was closed: the branch goes back there first.
    await placeBranch(ctx.forge, { repo, branch, sha: before.pull.headSha }, stillOwed)
    await stillOwed()
    await ctx.forge.updatePull(repo, before.pull.number, { state: 'open' })
  }
  await placeBranch(ctx.forge, { repo, branch, sha: headSha }, stillOwed)
  // Looked up again: another publisher or a person may have been here while the branch moved.
  const step = decidePull(await ctx.forge.findPulls(repo, branch))
  if (step.do === 'keep') return step.pull
  await stillOwed()
  if (step.do === 'create') return (await ctx.forge.createPull({ repo, head: branch, base, ...text })).pull
  return ctx.forge.updatePull(repo, step.pull.number, { ...text, ...(step.reopen ? { state: 'open' as const } : {}) })
}

/** Conflicts in a row with which somebody else must be pushing to the branch. */
const MAX_CONFLICTS = 3

/** Puts the branch on a commit, from wherever it stands: what stood there is known before it is asked whether this is still owed. */
async function placeBranch(forge: Forge, { repo, branch, sha }: { repo: string; branch: string; sha: string }, stillOwed: () => Promise<void>): Promise<void> {
  let expected = await forge.branchHead(repo, branch)
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
    await stillOwed()
    const moved = await forge.moveBranch(repo, branch, sha, expected)
    if (moved.kind === 'moved') return
    expected = moved.actual
  }
  throw new ForgeError('unknown', `${branch} was moved by somebody else to ${expected ?? 'nothing'}; looking again`)
}

function isSameWork(row: Pick<EffectRow, 'payload'>, payload: PullPayload): boolean {
  const { repo, branch, headSha } = PullPayload.parse(row.payload)
  return repo === payload.repo && branch === payload.branch && headSha === payload.headSha
}

function pullFacts(item: ItemRow) {
  const report = reportOf(item.evidence)
  if (!report) throw new FactoryError('internal', `item ${item.id} is to be published without evidence`)
  const issue = /^([^#]+)#(\d+)$/.exec(item.source_id)
  const closes = item.source === 'github' && issue && issue[1]?.toLowerCase() === item.repo.toLowerCase() ? Number(issue[2]) : null
  return { itemId: item.id, title: item.title, closes, sourceUrl: item.source_url, spec: item.spec, summary: item.summary, report, usage: usageOf(item.usage) }
}

async function finish(ctx: Needs, effect: EffectRow, payload: PullPayload, pull: ForgePull): Promise<void> {
  const at = ctx.clock.now()
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, effect.item_id)
    const row = await lockEffect(tx, effect.id)
    // newer work is to be published: this one's pull request is not its result
    if (!row || !isSameWork(row, payload)) return
    // cancelled meanwhile: the pull request stands, and the record says so
    if (row.status === 'pending') {
      await setEffectDone(tx, effect.id, { number: pull.number, url: pull.url }, at)
      await recordEvent(tx, { type: 'effect.done', itemId: effect.item_id, runId: null, data: { kind: effect.kind, number: pull.number, url: pull.url } })
    }
    if (item?.status === 'publishing') {
      await moveItem(tx, item, 'completed', { reason: `pull request #${pull.number} is ${pull.merged ? 'merged' : 'open'}`, set: { pull_number: pull.number, pull_url: pull.url, completed_at: at }, at })
    }
  })
}

async function noteFailure(ctx: Needs, effect: EffectRow, payload: PullPayload, error: ForgeError): Promise<void> {
  const at = ctx.clock.now()
  await transact(ctx, async (tx) => {
    const item = await lockItem(tx, effect.item_id)
    const row = await lockEffect(tx, effect.id)
    if (row?.status !== 'pending' || !isSameWork(row, payload)) return
    const next = nextTry(row.attempts + 1, error, at, (await loadOwedSince(tx, effect.item_id)) ?? at)
    ctx.log.warn({ err: error, itemId: effect.item_id, next }, 'the pull request was not opened')
    if (next !== null && error.retryAt !== null) await setEffectWaiting(tx, effect.id, error.message, next)
    else await setEffectFailed(tx, effect.id, error.message, next)
    await recordEvent(tx, { type: 'effect.failed', itemId: effect.item_id, runId: null, data: { kind: effect.kind, code: error.code, message: error.message, next: next?.toISOString() ?? null } })
    if (next === null && item?.status === 'publishing') {
      const said = error.retryable && error.retryAt !== null ? `the forge asks to wait, for longer than a day by now: ${error.message}` : error.message
      const message = `the work is verified, but its pull request could not be opened: ${said}. A retry takes up there.`
      await moveItem(tx, item, 'failed', { reason: message, set: { failure_code: error.code, failure_message: message }, at })
    }
  })
}
