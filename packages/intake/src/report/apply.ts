import { explainGithubError } from '@factory/github'
import type { WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { hasLabel, LABEL_LOOKS } from '../labels.ts'
import { readSourceId, type Issue } from '../issues/issue.ts'
import { findStatusComment } from './find-comment.ts'
import { renderReport, type Report } from './report.ts'

/** Which comment is an item's, and what it says: saves a search and an edit without a change. */
export type CommentCache = Map<number, { id: number; body: string }>
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
  const known = cache.get(itemId) ?? (await findOwn(ctx, issue, itemId))
  const keep = (id: number) => {
    cache.delete(itemId)
    cache.set(itemId, { id, body })
    const oldest = cache.size > MAX_CACHED ? cache.keys().next().value : undefined
    if (oldest !== undefined) cache.delete(oldest)
  }
  if (known && known.body === body) return keep(known.id)
  // A comment that somebody deleted is written anew once.
  if (known && (await ctx.write.updateComment(issue.repo, known.id, body))) return keep(known.id)
  cache.delete(itemId)
  keep(await ctx.write.createComment(issue.repo, issue.number, body))
}

async function findOwn(ctx: Context, issue: Issue, itemId: number): Promise<{ id: number; body: string } | null> {
  return findStatusComment(await ctx.read.comments(issue.repo, issue.number), itemId, await ctx.github.login())
}
