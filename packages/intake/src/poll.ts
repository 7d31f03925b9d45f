import { explainGithubError } from '@factory/github'
import { FactoryError, pause, type WorkSummary } from '@factory/shared'
import type { Context } from './context.ts'
import { sourceId, type Issue } from './issues/issue.ts'
import { pauseUntilBack } from './pause-until-back.ts'
import { reconcile } from './reconcile.ts'

const MAX_BACKOFF_MS = 15 * 60_000

/** What each issue looked like when it was last brought together with its item. */
type Settled = Map<string, string>
/** Called with each item that a look at its issue changed, or whose issue shows something else than it should. */
type Changed = (itemId: number) => void

/**
 * Watches one repository until the signal ends it. Errors are shown and waited out, never fatal; the
 * next poll comes `POLL_INTERVAL` after the end of the last.
 */
export async function watchRepo(ctx: Context, configured: string, changed: Changed, signal: AbortSignal): Promise<void> {
  const settled: Settled = new Map()
  const status = ctx.board.repo(configured)
  let failures = 0
  while (!signal.aborted) {
    const startedAt = ctx.now()
    status.lastPollAt = startedAt.toISOString()
    let wait = ctx.config.POLL_INTERVAL
    let away = false
    try {
      await pollRepo(ctx, configured, settled, changed, signal)
      status.lastOkAt = ctx.now().toISOString()
      status.error = null
      failures = 0
    } catch (error) {
      failures += 1
      away = error instanceof FactoryError && error.code === 'unavailable'
      const { code, message, retryAt } = explain(error, ctx.now())
      status.error = { code, message, retryAt: retryAt?.toISOString() ?? null }
      wait = Math.max(Math.min(wait * 2 ** Math.min(failures - 1, 10), Math.max(MAX_BACKOFF_MS, wait)), retryAt ? retryAt.getTime() - ctx.now().getTime() : 0)
      // The same trouble every minute is one line in the log, not sixty.
      if (Number.isInteger(Math.log2(failures))) ctx.logger.warn({ repo: configured, code, err: error, failures, waitMs: wait }, 'poll failed')
    }
    status.nextPollAt = new Date(ctx.now().getTime() + wait).toISOString()
    await (away ? pauseUntilBack(ctx, wait, signal) : pause(wait, signal))
  }
}

/** One look at a repository: labelled issues, and issues of active items that lost their labels or were closed. */
async function pollRepo(ctx: Context, configured: string, settled: Settled, changed: Changed, signal: AbortSignal): Promise<void> {
  const status = ctx.board.repo(configured)
  const repo = await ctx.read.canonicalName(configured)
  ctx.watched.set(configured.toLowerCase(), repo).set(repo.toLowerCase(), repo)

  // Items before issues, for the same reason as in reconcile().
  const active = new Map((await activeItems(ctx, repo)).map((item) => [item.sourceId, item]))
  const rules = await ctx.read.readLabelRules(repo)
  status.factoryYml = rules.problem
  const { working, needsInfo } = ctx.labels
  // The state labels are listed only while there is work: their issues may be edited, answered or stopped.
  const lists = [ctx.labels.trigger, ...rules.triggers, ...(active.size > 0 ? [working, needsInfo] : [])]
  const issues = new Map<string, Issue>()
  let fresh = false
  for (const label of lists) {
    const answer = await ctx.read.openIssues(repo, label)
    fresh ||= answer.fresh
    for (const issue of answer.issues) issues.set(sourceId(repo, issue.number), issue)
  }
  status.issues = issues.size
  if (!fresh) status.unchanged += 1

  const candidates = new Map<string, number>([...issues].map(([id, issue]) => [id, issue.number]))
  for (const id of active.keys()) candidates.set(id, Number(id.slice(id.lastIndexOf('#') + 1)))
  for (const id of settled.keys()) if (!candidates.has(id)) settled.delete(id)

  let failure: unknown = null
  for (const [id, number] of candidates) {
    if (signal.aborted) return
    const issue = issues.get(id)
    if (issue && settled.get(id) === look(issue, active.get(id)?.revision ?? null)) continue
    try {
      const done = await reconcile(ctx, repo, number)
      if (done.itemId !== null && done.actions.some(({ kind }) => kind !== 'none')) changed(done.itemId)
      if (done.issue) settled.set(id, look(done.issue, active.has(id) ? done.revision : null))
    } catch (error) {
      // One bad issue must not keep the others waiting; a limit or an outage concerns them all.
      if (isGeneral(error)) throw error
      ctx.logger.warn({ issue: id, err: error }, 'could not bring this issue and its work together')
      failure ??= error
    }
  }
  if (failure !== null) throw failure
}

async function activeItems(ctx: Context, repo: string): Promise<WorkSummary[]> {
  const found: WorkSummary[] = []
  let before: number | undefined
  do {
    const { items, next } = await ctx.client.call('listWork', { query: { source: 'github', repo, active: 'true', limit: 500, ...(before === undefined ? {} : { before }) } })
    // Somebody may have asked for work on this repository in the name of another's issue.
    found.push(...items.filter((item) => item.sourceId.startsWith(`${repo}#`)))
    before = next ?? undefined
  } while (before !== undefined)
  return found
}

/** Everything about an issue and its item that a decision depends on, small enough to keep. */
function look(issue: Issue, revision: number | null): string {
  return `${revision ?? '-'} ${issue.updatedAt} ${Bun.hash(JSON.stringify(issue))}`
}

function isGeneral(error: unknown): boolean {
  if (error instanceof FactoryError) return error.code === 'unavailable' || error.code === 'unauthorized' || error.code === 'rate_limited'
  return ['rate_limited', 'unreachable', 'auth'].includes(explainGithubError(error).code)
}

function explain(error: unknown, now: Date): { code: string; message: string; retryAt?: Date } {
  if (error instanceof FactoryError) return { code: error.code, message: `orchestrator: ${error.message}` }
  return explainGithubError(error, now)
}
