/** How the last polls of one repository went. */
export type RepoStatus = {
  repo: string
  lastPollAt: string | null
  lastOkAt: string | null
  nextPollAt: string | null
  /** Open issues with a label of ours at the last poll. */
  issues: number
  /** Polls in which GitHub had nothing new (304 for every list). */
  unchanged: number
  error: { code: string; message: string; retryAt: string | null } | null
  /** What is wrong with the repository's `.factory.yml`, if anything. */
  factoryYml: string | null
}

export type Ignored = { issue: string; reason: string; since: string }

/** A labelled issue that is not taken must be explainable; more than this many are not read by anybody. */
const MAX_IGNORED = 200

export type Board = ReturnType<typeof createBoard>

/** What `GET /status` shows: kept in memory, nothing depends on it. */
export function createBoard() {
  const repos = new Map<string, RepoStatus>()
  const ignored = new Map<string, Ignored>()
  const failedReports = new Map<number, { itemId: number; error: string; retryAt: string }>()
  const events = { connected: false, lastEventAt: null as string | null, error: null as string | null }

  return {
    events,
    failedReports,
    repo(repo: string): RepoStatus {
      const known = repos.get(repo)
      if (known) return known
      const fresh: RepoStatus = { repo, lastPollAt: null, lastOkAt: null, nextPollAt: null, issues: 0, unchanged: 0, error: null, factoryYml: null }
      repos.set(repo, fresh)
      return fresh
    },
    /** True when this reason is new for this issue (so that it is logged once). */
    ignore(issue: string, reason: string, at: Date): boolean {
      if (ignored.get(issue)?.reason === reason) return false
      ignored.delete(issue)
      ignored.set(issue, { issue, reason, since: at.toISOString() })
      const oldest = ignored.size > MAX_IGNORED ? ignored.keys().next().value : undefined
      if (oldest !== undefined) ignored.delete(oldest)
      return true
    },
    take(issue: string): void {
      ignored.delete(issue)
    },
    snapshot: () => ({ repos: [...repos.values()], ignored: [...ignored.values()], failedReports: [...failedReports.values()], events: { ...events } }),
  }
}
