import { WorkItem, WorkSummary, type Run, type WorkStatus } from '@factory/shared'
import { iso, usageOf } from '../workers/view.ts'

/** A row of `work_items` with the sums over its runs. */
export type ItemRow = {
  id: number
  source: string
  source_id: string
  source_url: string | null
  repo: string
  title: string
  description: string | null
  spec: string | null
  files: string[]
  base_branch: string | null
  author: unknown
  status: WorkStatus
  priority: string
  created_at: Date
  updated_at: Date
  queued_at: Date
  completed_at: Date | null
  not_before: Date | null
  wait_code: string | null
  wait_message: string | null
  attempts: number
  max_attempts: number
  losses: number
  current_run_id: number | null
  wip_ref: string | null
  wip_sha: string | null
  base_sha: string | null
  environment: unknown
  evidence: unknown
  summary: string | null
  failure_code: string | null
  failure_message: string | null
  question: string | null
  branch: string | null
  pull_number: number | null
  pull_url: string | null
  revision: number
  reported_revision: number
  /** Sum over the item's runs, in Usage's fields. */
  usage?: unknown
}

export function itemView(row: ItemRow, run: Run | null): WorkItem {
  return WorkItem.parse({
    id: row.id,
    source: row.source,
    sourceId: row.source_id,
    sourceUrl: row.source_url,
    repo: row.repo,
    title: row.title,
    status: row.status,
    priority: row.priority,
    author: row.author,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    queuedAt: row.queued_at.toISOString(),
    waiting: row.wait_code ? { code: row.wait_code, message: row.wait_message ?? '', until: iso(row.not_before) } : null,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    losses: row.losses,
    run,
    branch: row.branch,
    pull: row.pull_number === null ? null : { number: row.pull_number, url: row.pull_url ?? '' },
    failure: row.failure_code === null ? null : { code: row.failure_code, message: row.failure_message ?? '' },
    question: row.question,
    usage: usageOf(row.usage),
    revision: row.revision,
    reportedRevision: row.reported_revision,
    spec: row.spec,
    description: row.description,
    baseBranch: row.base_branch,
    environment: row.environment,
    evidence: row.evidence,
  })
}

/** A list's row: the item without its long texts. */
export function summaryView(row: ItemRow, run: Run | null): WorkSummary {
  return WorkSummary.parse(itemView(row, run))
}
