import type { Client } from '@factory/orchestrator/client'
import { FactoryError, isTerminalWork, type ErrorCode, type WorkItem } from '@factory/shared'
import type { Context } from './context.ts'
import { isAllowed } from './issues/allow.ts'
import { sourceId, type Issue } from './issues/issue.ts'
import { priorityOf } from './issues/priority.ts'
import { select, type Action, type Known, type Seen, type Trust } from './issues/select.ts'
import { issueText, type Reply } from './issues/text.ts'
import { hasLabel } from './labels.ts'
import { findStatusComments } from './report/find-comment.ts'

export type Reconciled = { issue: Issue | null; itemId: number | null; revision: number | null; actions: Action[] }

/**
 * Brings one issue and its work item together: the only path by which an issue changes work, whether
 * a poll or a webhook asked for it. Safe to repeat, and serialised per issue.
 *
 * The item is read before the issue: what the issue shows is then at least as new as what we told it.
 */
export function reconcile(ctx: Context, repo: string, number: number): Promise<Reconciled> {
  const id = sourceId(repo, number)
  // One that has not begun yet will see all that this one would: a burst of deliveries is one look.
  const waiting = ctx.waiting.get(id)
  if (waiting) return waiting
  const look = ctx.exclusive(id, () => {
    ctx.waiting.delete(id)
    return lookAt(ctx, repo, number)
  })
  ctx.waiting.set(id, look)
  return look
}

async function lookAt(ctx: Context, repo: string, number: number): Promise<Reconciled> {
  const id = sourceId(repo, number)
  const work = await findWork(ctx.client, id)
  const issue = await ctx.read.issue(repo, number)
  if (!issue) {
    const actions: Action[] = work && !isTerminalWork(work.item.status) ? [{ kind: 'cancel', reason: 'the issue is gone' }] : []
    await carryOut(ctx, repo, work?.item.id ?? null, actions)
    return { issue, itemId: work?.item.id ?? null, revision: work?.item.revision ?? null, actions }
  }
  const rules = await ctx.read.labelRules(repo)
  const triggers = [ctx.labels.trigger, ...rules.triggers]
  const known = work ? knownOf(work) : null
  const seen: Seen = {
    issue,
    triggers,
    text: issueText(issue.title, issue.body),
    priority: priorityOf(issue.labels, rules.priorities),
    trust: await trustIn(ctx, issue, triggers),
    replies: work?.item.status === 'needs_input' ? await repliesTo(ctx, repo, number, work) : [],
  }
  const actions = select(seen, known, ctx.labels)
  const itemId = await carryOut(ctx, repo, work?.item.id ?? null, actions, seen)
  if (itemId !== null || !actions.some(({ kind }) => kind === 'create')) explain(ctx, id, known, seen, actions)
  return { issue, itemId, revision: work?.item.revision ?? null, actions }
}

type Work = { item: WorkItem; built: boolean; askedAt: string }

async function findWork(client: Client, id: string): Promise<Work | null> {
  const { items } = await client.call('listWork', { query: { source: 'github', sourceId: id, limit: 1 } })
  const summary = items[0]
  if (!summary) return null
  const { item, runs, events } = await client.call('getWork', { params: { id: summary.id } })
  const asked = events.filter((event) => event.type === 'work.status' && event.data['to'] === 'needs_input').map((event) => event.at)
  return { item, built: runs.some((run) => run.kind === 'build'), askedAt: asked.sort().at(-1) ?? item.updatedAt }
}

function knownOf({ item, built }: Work): Known {
  const { status, title, spec, description, priority, question } = item
  return { status, title, spec, description, priority, question, built, reported: item.reportedRevision >= item.revision }
}

async function trustIn(ctx: Context, issue: Issue, triggers: string[]): Promise<Trust> {
  if (isAllowed(issue.author, ctx.config.INTAKE_AUTHORS)) return 'author'
  if (!triggers.some((trigger) => hasLabel(issue.labels, trigger))) return 'none'
  const labeller = await ctx.read.labeller(issue.repo, issue.number, triggers)
  return labeller && !labeller.bot && labeller.login.toLowerCase() !== issue.author.login.toLowerCase() ? 'label' : 'none'
}

/** What allowed people said after the question. GitHub's times have whole seconds. */
async function repliesTo(ctx: Context, repo: string, number: number, work: Work): Promise<Reply[]> {
  const since = new Date(Math.floor(Date.parse(work.askedAt) / 1000) * 1000).toISOString()
  const comments = await ctx.read.comments(repo, number, since)
  const own = new Set(findStatusComments(comments, work.item.id, await ctx.github.login()).map(({ id }) => id))
  return comments
    .filter((comment) => !own.has(comment.id) && !comment.bot && Date.parse(comment.createdAt) >= Date.parse(since))
    .filter((comment) => isAllowed({ login: comment.login, association: comment.association }, ctx.config.INTAKE_AUTHORS))
    .map((comment) => ({ login: comment.login, text: comment.body }))
}

/** Does what `select` chose; returns the item's id. What the item's state forbids by now is left. */
async function carryOut(ctx: Context, repo: string, itemId: number | null, actions: readonly Action[], seen?: Seen): Promise<number | null> {
  let id = itemId
  for (const action of actions) {
    if (action.kind === 'none' || action.kind === 'report') continue
    const log = { repo, issue: seen?.issue.number, item: id, action: action.kind, reason: action.reason }
    try {
      if (action.kind === 'create' && seen) id = await create(ctx, seen)
      else if (id !== null) await change(ctx.client, id, action)
      ctx.logger.info(log, 'issue and work brought together')
    } catch (error) {
      if (!(error instanceof FactoryError)) throw error
      if (action.kind === 'create' && REFUSALS.includes(error.code)) return refuse(ctx, seen, error)
      if (error.code !== 'conflict') throw error
      ctx.logger.info({ ...log, refused: error.message }, 'the item is past that')
    }
  }
  return id
}

/** Answers to `createWork` that another try would get again. */
const REFUSALS: readonly ErrorCode[] = ['bad_request', 'unprocessable', 'too_large']

function refuse(ctx: Context, seen: Seen | undefined, error: FactoryError): null {
  if (seen) ctx.board.ignore(sourceId(seen.issue.repo, seen.issue.number), `the orchestrator refuses it: ${error.message}`, ctx.now())
  ctx.logger.warn({ repo: seen?.issue.repo, issue: seen?.issue.number, err: error }, 'the orchestrator refuses this issue')
  return null
}

async function change(client: Client, id: number, action: Action): Promise<void> {
  if (action.kind === 'edit') await client.call('editWork', { params: { id }, body: action.change })
  if (action.kind === 'cancel') await client.call('cancelWork', { params: { id }, body: { reason: action.reason } })
  if (action.kind === 'retry') await client.call('retryWork', { params: { id }, body: { reason: action.reason } })
}

async function create(ctx: Context, { issue, text, priority }: Seen): Promise<number> {
  const { item } = await ctx.client.call('createWork', {
    body: {
      repo: issue.repo,
      source: 'github',
      sourceId: sourceId(issue.repo, issue.number),
      sourceUrl: issue.url,
      title: text.title,
      author: issue.author,
      [text.kind]: text.text,
      ...(priority ? { priority } : {}),
    },
  })
  return item.id
}

/** A labelled issue that is not taken is shown with its reason, and logged once. */
function explain(ctx: Context, id: string, known: Known | null, seen: Seen, actions: readonly Action[]): void {
  const idle = actions.find((action) => action.kind === 'none')
  const triggered = seen.triggers.some((trigger) => hasLabel(seen.issue.labels, trigger))
  const waiting = known === null || isTerminalWork(known.status)
  if (!idle || !triggered || !waiting || seen.issue.state === 'closed') return ctx.board.take(id)
  if (ctx.board.ignore(id, idle.reason, ctx.now())) ctx.logger.warn({ issue: id, reason: idle.reason }, 'a labelled issue is not taken')
}
