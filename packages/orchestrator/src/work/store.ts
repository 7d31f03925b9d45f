import type { FactoryEventType, WorkStatus } from '@factory/shared'
import { json, type Query, type Tx } from '../db/connect.ts'
import type { ItemRow } from './view.ts'

/** Columns that verbs may set; everything else follows from the move itself. */
export type ItemPatch = Partial<
  Pick<
    ItemRow,
    | 'title' | 'description' | 'spec' | 'files' | 'base_branch' | 'priority' | 'queued_at' | 'completed_at' | 'not_before'
    | 'wait_code' | 'wait_message' | 'attempts' | 'losses' | 'current_run_id' | 'wip_ref' | 'wip_sha' | 'base_sha'
    | 'summary' | 'failure_code' | 'failure_message' | 'question' | 'branch' | 'pull_number' | 'pull_url'
  >
> & { evidence?: unknown; environment?: unknown }

export type NewItem = {
  source: string
  sourceId: string
  sourceUrl: string | null
  repo: string
  title: string
  description: string | null
  spec: string | null
  files: string[]
  baseBranch: string | null
  author: unknown
  status: WorkStatus
  priority: string
  maxAttempts: number
  at: Date
}

/** null when `(source, source_id)` is there already. */
export async function createItem(tx: Tx, item: NewItem, event: unknown): Promise<number | null> {
  const row = {
    source: item.source,
    source_id: item.sourceId,
    source_url: item.sourceUrl,
    repo: item.repo,
    title: item.title,
    description: item.description,
    spec: item.spec,
    files: item.files,
    base_branch: item.baseBranch,
    author: item.author,
    status: item.status,
    priority: item.priority,
    max_attempts: item.maxAttempts,
    created_at: item.at,
  }
  const rows = await tx<{ id: number | null }[]>`select create_item(${json(tx, row)}, ${json(tx, event)}) as id`
  return rows[0]?.id ?? null
}

/** Locks the row by primary key; moves are checked in code on what this returns. */
export async function lockItem(tx: Tx, id: number): Promise<ItemRow | null> {
  const rows = await tx<ItemRow[]>`select * from work_items where id = ${id} for update`
  return rows[0] ?? null
}

/** What a change tells the record. */
export type ChangeEvent = { type: FactoryEventType; runId: number | null; data: unknown }

/**
 * The one way to change an item: moves it (`to`) or writes facts alone (`to` null). The database locks the row,
 * checks the move and writes the event, with what was changed, in the same transaction.
 */
export async function changeItem(tx: Tx, id: number, to: WorkStatus | null, patch: ItemPatch, event: ChangeEvent, at: Date): Promise<ItemRow> {
  const rows = await tx<ItemRow[]>`select * from change_item(${id}, ${to}, ${json(tx, patch)}, ${event.type}, ${event.runId}, ${json(tx, event.data)}, ${at})`
  const row = rows[0]
  if (!row) throw new Error(`work item ${id} disappeared`)
  return row
}

const withUsage = (q: Query) => q`
  select w.*, u.usage from work_items w
  left join lateral (
    select jsonb_build_object(
      'iterations', coalesce(sum(r.iterations), 0) + coalesce((w.usage_kept->>'iterations')::bigint, 0),
      'inputTokens', coalesce(sum((r.usage->>'inputTokens')::bigint), 0) + coalesce((w.usage_kept->>'inputTokens')::bigint, 0),
      'outputTokens', coalesce(sum((r.usage->>'outputTokens')::bigint), 0) + coalesce((w.usage_kept->>'outputTokens')::bigint, 0),
      'cacheReadTokens', coalesce(sum((r.usage->>'cacheReadTokens')::bigint), 0) + coalesce((w.usage_kept->>'cacheReadTokens')::bigint, 0),
      'cacheWriteTokens', coalesce(sum((r.usage->>'cacheWriteTokens')::bigint), 0) + coalesce((w.usage_kept->>'cacheWriteTokens')::bigint, 0),
      'costUsd', coalesce(sum((r.usage->>'costUsd')::float8), 0) + coalesce((w.usage_kept->>'costUsd')::float8, 0)) as usage
    from runs r where r.item_id = w.id
  ) u on true`

export async function loadItem(q: Query, id: number): Promise<ItemRow | null> {
  const rows = await q<ItemRow[]>`${withUsage(q)} where w.id = ${id}`
  return rows[0] ?? null
}

export async function loadItemBySource(q: Query, source: string, sourceId: string): Promise<ItemRow | null> {
  const rows = await q<ItemRow[]>`${withUsage(q)} where w.source = ${source} and w.source_id = ${sourceId}`
  return rows[0] ?? null
}

export type ItemFilter = {
  ids?: readonly number[] | undefined
  status?: WorkStatus | undefined
  repo?: string | undefined
  source?: string | undefined
  sourceId?: string | undefined
  active?: boolean | undefined
  unreported?: boolean | undefined
  before?: number | undefined
  limit: number
}

export async function listItems(q: Query, filter: ItemFilter): Promise<ItemRow[]> {
  const ended = q`('completed', 'failed', 'cancelled')`
  return q<ItemRow[]>`${withUsage(q)}
    where true
    ${filter.ids === undefined ? q`` : q`and w.id = any(${[...filter.ids]}::int[])`}
    ${filter.status === undefined ? q`` : q`and w.status = ${filter.status}`}
    ${filter.repo === undefined ? q`` : q`and w.repo = ${filter.repo}`}
    ${filter.source === undefined ? q`` : q`and w.source = ${filter.source}`}
    ${filter.sourceId === undefined ? q`` : q`and w.source_id = ${filter.sourceId}`}
    ${filter.active === undefined ? q`` : filter.active ? q`and w.status not in ${ended}` : q`and w.status in ${ended}`}
    ${filter.unreported === true ? q`and w.revision > w.reported_revision` : q``}
    ${filter.before === undefined ? q`` : q`and w.id < ${filter.before}`}
    order by w.id desc limit ${filter.limit}`
}

/** Never goes back, and never ahead of what the item is. */
export async function setReported(tx: Tx, id: number, revision: number): Promise<number | null> {
  const rows = await tx<{ reported_revision: number }[]>`
    update work_items set reported_revision = greatest(reported_revision, least(${revision}, revision))
    where id = ${id} returning reported_revision`
  return rows[0]?.reported_revision ?? null
}

export async function hasBuildRun(q: Query, id: number): Promise<boolean> {
  const rows = await q`select 1 from runs where item_id = ${id} and kind = 'build' limit 1`
  return rows.length > 0
}
