import { NO_USAGE, Run, RunOutcome, RunProgress, Usage, VerifyReport } from '@factory/shared'

/** A row of `runs` with the item's `repo` and `title` beside it. */
export type RunRow = {
  id: number
  item_id: number
  repo: string
  title: string
  kind: string
  status: string
  attempt: number
  token: number
  worker: string
  runtime: string | null
  started_at: Date
  registered_at: Date | null
  finished_at: Date | null
  heartbeat_at: Date | null
  lease_expires_at: Date
  /** Of the model: whose limits this run uses. */
  account: string
  iterations_granted: number
  iterations: number
  progress: unknown
  usage: unknown
  outcome: unknown
  report: unknown
  base_sha: string | null
  head_sha: string | null
  cancel_code: 'cancelled' | 'killed' | null
  cancel_reason: string | null
}

export function runView(row: RunRow): Run {
  return Run.parse({
    id: row.id,
    itemId: row.item_id,
    repo: row.repo,
    title: row.title,
    kind: row.kind,
    status: row.status,
    attempt: row.attempt,
    token: row.token,
    runtime: row.runtime,
    worker: row.worker,
    startedAt: row.started_at.toISOString(),
    finishedAt: iso(row.finished_at),
    leaseExpiresAt: row.lease_expires_at.toISOString(),
    heartbeatAt: iso(row.heartbeat_at),
    progress: row.progress === null ? null : RunProgress.parse(row.progress),
    outcome: row.outcome === null ? null : RunOutcome.parse(row.outcome),
    usage: usageOf(row.usage),
    baseSha: row.base_sha,
    headSha: row.head_sha,
  })
}

export function usageOf(value: unknown): Usage {
  return Usage.parse(value ?? NO_USAGE)
}

export function reportOf(value: unknown): VerifyReport | null {
  return value === null || value === undefined ? null : VerifyReport.parse(value)
}

export function iso(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
