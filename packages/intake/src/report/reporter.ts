import { explainGithubError } from '@factory/github'
import { FactoryError, type WorkItem } from '@factory/shared'
import type { Context } from '../context.ts'
import { readSourceId } from '../issues/issue.ts'
import { applyReport, type CommentCache } from './apply.ts'

const MAX_PAUSE_MS = 15 * 60_000
/** Our own orchestrator being away costs nobody a limit: it is asked again soon. */
const MAX_AWAY_MS = 1000

/** One item that has something to tell. */
type Due = {
  timer: ReturnType<typeof setTimeout> | null
  running: boolean
  /** Told of more while running: whether, and whether it can wait its turn. */
  again: { now: boolean } | null
  failures: number
  lastAt: number
  /** After a failure nothing is tried before this. */
  blockedUntil: number
}

export type Reporter = {
  /** Something about the item changed. `now`: an end state, which does not wait for its turn. */
  notify(itemId: number, options?: { now?: boolean }): void
  /** Every item whose source was not told of its newest revision. */
  sweep(): Promise<void>
  stop(): Promise<void>
}

/**
 * Tells issues what became of them: first the effects on GitHub, then `reportWork`. A crash between the
 * two repeats effects that change nothing. At most one update per item in `coalesceMs`.
 */
export function createReporter(ctx: Context): Reporter {
  const due = new Map<number, Due>()
  const cache: CommentCache = new Map()
  const running = new Set<Promise<void>>()
  let stopped = false

  const schedule = (itemId: number, now: boolean) => {
    if (stopped) return
    const entry = due.get(itemId) ?? { timer: null, running: false, again: null, failures: 0, lastAt: 0, blockedUntil: 0 }
    due.set(itemId, entry)
    if (entry.running) {
      entry.again = { now: now || entry.again?.now === true }
      return
    }
    if (entry.timer && !now) return
    if (entry.timer) clearTimeout(entry.timer)
    const at = ctx.now().getTime()
    const wait = Math.max(entry.blockedUntil - at, now ? 0 : entry.lastAt + ctx.coalesceMs - at, 0)
    entry.timer = setTimeout(() => {
      entry.timer = null
      const work = run(itemId, entry)
      running.add(work)
      void work.finally(() => running.delete(work))
    }, wait)
  }

  const run = async (itemId: number, entry: Due) => {
    entry.running = true
    try {
      await tell(itemId)
      entry.failures = 0
      entry.blockedUntil = 0
      ctx.board.failedReports.delete(itemId)
    } catch (error) {
      fail(itemId, entry, error)
    }
    entry.running = false
    entry.lastAt = ctx.now().getTime()
    const { again } = entry
    entry.again = null
    if (again || entry.blockedUntil > 0) schedule(itemId, again?.now ?? false)
    else forgetLater(itemId, entry)
  }

  const tell = async (itemId: number) => {
    const { item } = await ctx.client.call('getWork', { params: { id: itemId } })
    const at = item.source === 'github' ? readSourceId(item.sourceId) : null
    if (!at || !isWatched(ctx, at.repo)) return
    await ctx.exclusive(item.sourceId, async () => {
      // Read again under the lock: what waited may be old by now.
      const { item } = await ctx.client.call('getWork', { params: { id: itemId } })
      const told = await applyReport(ctx, cache, { ...item, waiting: await notedWaiting(item) })
      if (!told) ctx.logger.info({ item: itemId, issue: item.sourceId }, 'the issue is gone: nobody to report to')
      if (item.revision > item.reportedRevision) await ctx.client.call('reportWork', { params: { id: itemId }, body: { revision: item.revision } })
      // Written from what is old by now: another intake may have told the newer, and this one over it.
      const after = await ctx.client.call('getWork', { params: { id: itemId } })
      if (after.item.revision > item.revision) schedule(itemId, false)
    })
  }

  /**
   * Why the item waits: as it stands on record and moves its revision, or a limit of the whole factory, which
   * people have to know of. What else `getWork` says (all workers busy, others before it) is true for a moment,
   * and nobody would come to take it out of the comment.
   */
  const notedWaiting = async ({ sourceId, revision, waiting }: WorkItem) => {
    const { items } = await ctx.client.call('listWork', { query: { source: 'github', sourceId, limit: 1 } })
    const noted = items[0]?.revision === revision ? items[0].waiting : null
    return noted ?? (waiting?.code === 'daily_budget' || waiting?.code === 'usage_limit' ? waiting : null)
  }

  const fail = (itemId: number, entry: Due, error: unknown) => {
    entry.failures += 1
    const { message, retryAt } = error instanceof FactoryError ? { message: error.message, retryAt: undefined } : explainGithubError(error, ctx.now())
    const at = ctx.now().getTime()
    const longest = error instanceof FactoryError && error.code === 'unavailable' ? MAX_AWAY_MS : MAX_PAUSE_MS
    entry.blockedUntil = Math.max(retryAt?.getTime() ?? 0, at + Math.min(ctx.retryMs * 2 ** Math.min(entry.failures - 1, 20), longest))
    const until = new Date(entry.blockedUntil).toISOString()
    ctx.board.failedReports.set(itemId, { itemId, error: message, retryAt: until })
    ctx.logger.warn({ item: itemId, err: error, failures: entry.failures, retryAt: until }, 'could not report back')
  }

  /** `lastAt` only matters for the coalescing time. */
  const forgetLater = (itemId: number, entry: Due) => {
    setTimeout(() => {
      if (!entry.running && !entry.timer && due.get(itemId) === entry) due.delete(itemId)
    }, ctx.coalesceMs).unref()
  }

  return {
    notify: (itemId, options) => schedule(itemId, options?.now ?? false),
    async sweep() {
      let before: number | undefined
      do {
        const { items, next } = await ctx.client.call('listWork', { query: { source: 'github', unreported: 'true', limit: 200, ...(before === undefined ? {} : { before }) } })
        for (const item of items) if (isWatched(ctx, readSourceId(item.sourceId)?.repo ?? '')) schedule(item.id, false)
        before = next ?? undefined
      } while (before !== undefined)
    },
    async stop() {
      stopped = true
      for (const entry of due.values()) if (entry.timer) clearTimeout(entry.timer)
      await Promise.allSettled(running)
    },
  }
}

/** Issues of repositories that are not ours to watch are not ours to write to. */
function isWatched(ctx: Context, repo: string): boolean {
  return ctx.watched.has(repo.toLowerCase())
}
