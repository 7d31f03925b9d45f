import type { WorkStatus } from '@factory/shared'
import type { Query, Tx } from '../db/connect.ts'

export type Place = { at: Date; itemId: number }

/** Ended items that have to make room, oldest first, behind a place. */
export async function loadOld(q: Query, endedBefore: Date, behind: Place | null, limit: number): Promise<Place[]> {
  return q<Place[]>`
    select ended_at as at, item_id as "itemId" from leftovers
    where archived_at is null and ended_at < ${endedBefore} ${behind === null ? q`` : q`and (ended_at, item_id) > (${behind.at}, ${behind.itemId})`}
    order by ended_at, item_id limit ${limit}`
}

/** Ended items whose WIP refs are to be looked at, longest due first. */
export async function loadDueRefs(q: Query, now: Date, limit: number): Promise<number[]> {
  const rows = await q<{ item_id: number }[]>`select item_id from leftovers where refs_at <= ${now} order by refs_at, item_id limit ${limit}`
  return rows.map((row) => row.item_id)
}

export type Ended = { id: number; repo: string; status: WorkStatus; endedAt: Date; pullNumber: number | null; branch: string | null; refsLeft: boolean }

/** Locks an item that has ended. null: it goes on (somebody took it up again), or it has no leftovers. */
export async function lockEnded(tx: Tx, id: number): Promise<Ended | null> {
  const rows = await tx<Ended[]>`
    select w.id, w.repo, w.status, l.ended_at as "endedAt", w.pull_number as "pullNumber", w.branch, l.refs_at is not null as "refsLeft"
    from work_items w join leftovers l on l.item_id = w.id
    where w.id = ${id} and w.status in ('completed', 'failed', 'cancelled') for update`
  return rows[0] ?? null
}

/** The next end of the item makes a new row. */
export async function forgetGoingOn(tx: Tx, id: number): Promise<void> {
  await tx`select 1 from work_items where id = ${id} for update`
  await tx`delete from leftovers l using work_items w where l.item_id = ${id} and w.id = l.item_id and w.status not in ('completed', 'failed', 'cancelled')`
}

export async function setRefsAt(tx: Tx, id: number, at: Date): Promise<void> {
  await tx`update leftovers set refs_at = ${at} where item_id = ${id}`
}

/** No refs are left: an item that was cleared away before can now lose the rest of its runs. */
export async function setRefsGone(tx: Tx, id: number): Promise<void> {
  await tx`update leftovers set refs_at = null, archived_at = null where item_id = ${id}`
}

/** Tokens of the runs that may have pushed. */
export async function buildTokens(q: Query, itemId: number): Promise<number[]> {
  const rows = await q<{ token: number }[]>`select token from runs where item_id = ${itemId} and kind = 'build' order by token`
  return rows.map((row) => row.token)
}

/** The item no longer names the ref that its next run would go on from. The caller holds the lock. */
export async function callReleaseWip(tx: Tx, id: number): Promise<void> {
  await tx`select release_wip(${id})`
}

/** Removes up to `limit` lines of what the item's runs said. */
export async function callDeleteSaid(tx: Tx, itemId: number, limit: number): Promise<number> {
  const rows = await tx<{ n: number }[]>`select delete_said(${itemId}, ${limit}) as n`
  return rows[0]?.n ?? 0
}

/** Removes the item's runs, but for those whose refs are left, and keeps what they used. false: some cannot go yet. The caller holds the lock. */
export async function callFoldRuns(tx: Tx, item: { id: number; refsLeft: boolean }): Promise<boolean> {
  const rows = await tx<{ all: boolean }[]>`select fold_runs(${item.id}, ${item.refsLeft}) as all`
  return rows[0]?.all ?? false
}

/** Removes up to `limit` of the events that the item's last one stands for, oldest first. */
export async function callDeleteFolded(tx: Tx, itemId: number, limit: number): Promise<number> {
  const rows = await tx<{ n: number }[]>`select delete_folded(${itemId}, ${limit}) as n`
  return rows[0]?.n ?? 0
}

/** Done: what is left of the item is what people see, and its refs where a pull request is still open. */
export async function setArchived(tx: Tx, id: number, at: Date): Promise<void> {
  await tx`update leftovers set archived_at = ${at} where item_id = ${id}`
  await tx`delete from leftovers l where l.item_id = ${id} and l.refs_at is null and not exists (select from runs r where r.item_id = l.item_id)`
}

/** Workers of runs that are not cleaned up after, and repositories with work that goes on or ended after `since`. */
export async function loadNeeded(q: Query, since: Date | null): Promise<{ workers: string[]; repos: string[] }> {
  const workers = await q<{ worker: string }[]>`select worker from runs where cleaned_at is null`
  const repos = await q<{ name: string }[]>`
    select name from repositories r where ${since === null} or exists (
      select from work_items w where w.repo = r.name and (w.status not in ('completed', 'failed', 'cancelled') or w.updated_at > ${since ?? new Date(0)}))`
  return { workers: workers.map((row) => row.worker), repos: repos.map((row) => row.name) }
}
