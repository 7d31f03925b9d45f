import { explainGithubError } from '@factory/github'
import type { WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { hasLabel, LABEL_LOOKS } from '../labels.ts'
import { readSourceId, type Comment, type Issue } from '../issues/issue.ts'
import { findStatusComments } from './find-comment.ts'
import { renderReport, type Report } from './report.ts'

/** Which comment is an item's: saves a search. What it says is always read, for another intake may have written it. */
export type CommentCache = Map<number, number>
/** Beyond this many items a search for the comment is no cost worth memory. */
const MAX_CACHED = 5000

/**
 * Makes an issue show its item: labels and the one status comment. Repeating it changes nothing, so
 * a crash at any point is harmless. The caller holds the issue's lock.
 * @returns false when the issue is not there any more and there is nobody to tell
 */
export async function applyReport(ctx: Context, cache: CommentCache, item: WorkItem): Promise<boolean> {
  const at = readSourceId(item.sourceId)
  if (!at) return false
  const issue = await ctx.read.issue(at.repo, at.number)
  if (!issue) return false
  const { triggers } = await ctx.read.labelRules(at.repo)
  const report = renderReport(item, { labels: ctx.labels, triggers, dashboardUrl: ctx.config.DASHBOARD_URL })
  // A missing right for one of the two must not take the other away.
  const failures = (await Promise.allSettled([applyLabels(ctx, issue, report), applyComment(ctx, cache, issue, item.id, report.comment)])).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  if (failures.length > 0) throw failures.find((failure) => explainGithubError(failure).code === 'rate_limited') ?? failures[0]
  return true
}

/** The new label goes on before an old one comes off: an issue with none of ours means "stop". */
async function applyLabels(ctx: Context, issue: Issue, { label, remove }: Report): Promise<void> {
  if (label !== null && !hasLabel(issue.labels, ctx.labels[label])) {
    await ctx.write.ensureLabel(issue.repo, ctx.labels[label], LABEL_LOOKS[label])
    await ctx.write.addLabel(issue.repo, issue.number, ctx.labels[label])
  }
  for (const name of remove) if (hasLabel(issue.labels, name)) await ctx.write.removeLabel(issue.repo, issue.number, name)
}

async function applyComment(ctx: Context, cache: CommentCache, issue: Issue, itemId: number, body: string): Promise<void> {
  const cached = cache.get(itemId)
  const known = (cached === undefined ? null : await ctx.read.comment(issue.repo, cached)) ?? (await onlyOne(ctx, issue, itemId))
  cache.delete(itemId)
  // A comment that somebody deleted meanwhile is written anew once.
  if (known && (await showBody(ctx, issue, known, body))) return keep(cache, itemId, known.id)
  await ctx.write.createComment(issue.repo, issue.number, body)
  // GitHub takes as many as are sent: who wrote at the same moment is seen only afterwards. And not always
  // at once, so that the next report searches again before it trusts this one.
  const first = await onlyOne(ctx, issue, itemId)
  if (first) await showBody(ctx, issue, first, body)
}

/** False: the comment is gone. */
async function showBody(ctx: Context, issue: Issue, shown: Comment, body: string): Promise<boolean> {
  return shown.body === body || ctx.write.updateComment(issue.repo, shown.id, body)
}

/** The item's comment, after any later ones were taken away: all intakes agree on the oldest. */
async function onlyOne(ctx: Context, issue: Issue, itemId: number): Promise<Comment | null> {
  const [first, ...later] = findStatusComments(await ctx.read.comments(issue.repo, issue.number), itemId, await ctx.github.login())
  for (const { id } of later) await ctx.write.deleteComment(issue.repo, id)
  return first ?? null
}

function keep(cache: CommentCache, itemId: number, commentId: number): void {
  cache.set(itemId, commentId)
  const oldest = cache.size > MAX_CACHED ? cache.keys().next().value : undefined
  if (oldest !== undefined) cache.delete(oldest)
}
