import type { AccountState } from '@factory/shared'
import type { Query } from '../db/connect.ts'

export type StateRow = {
  last_spawn_at: Date | null
  max_workers: number | null
  max_workers_per_repo: number | null
  daily_iterations: number | null
  cooldown_seconds: number | null
  account_state: AccountState
  paused_until: Date | null
  pause_reason: string | null
  /** Is the run that tries the account still under way? */
  canary_live: boolean
}

export async function loadState(q: Query): Promise<StateRow> {
  const rows = await q<StateRow[]>`
    select s.last_spawn_at, s.max_workers, s.max_workers_per_repo, s.daily_iterations, s.cooldown_seconds,
      a.state as account_state, a.paused_until, a.reason as pause_reason,
      exists (select from runs r where r.id = a.canary_run_id and r.status in ('starting', 'running')) as canary_live
    from factory_state s cross join accounts a where a.name = 'default'`
  const row = rows[0]
  if (!row) throw new Error('factory_state or the account has no row')
  return row
}

export type LiveRow = { repo: string; kind: string; files: string[]; reserved: number }

export async function loadLive(q: Query): Promise<LiveRow[]> {
  return q<LiveRow[]>`
    select i.repo, r.kind, i.files, greatest(r.iterations_granted - r.iterations, 0) as reserved
    from runs r join work_items i on i.id = r.item_id where r.status in ('starting', 'running')`
}

export async function loadHeldPaths(q: Query): Promise<{ repo: string; path: string; expires_at: Date }[]> {
  return q<{ repo: string; path: string; expires_at: Date }[]>`
    select l.repo, l.path, l.expires_at from file_locks l join runs r on r.id = l.run_id where r.status in ('starting', 'running')`
}

export async function loadRepositories(q: Query): Promise<{ name: string; last_admitted_at: Date | null }[]> {
  return q<{ name: string; last_admitted_at: Date | null }[]>`select name, last_admitted_at from repositories`
}

export async function loadDay(q: Query, day: string): Promise<{ iterations: number; cost_usd: number }> {
  const rows = await q<{ iterations: number; cost_usd: number }[]>`select iterations, cost_usd from budget_days where day = ${day}`
  return rows[0] ?? { iterations: 0, cost_usd: 0 }
}

export type WaitingRow = { id: number; repo: string; status: string; priority_rank: number; queued_at: Date; not_before: Date | null; files: string[] }

/** The first `each` of every class of every repository: nothing further back can be among the first `each` of all. */
export async function loadWaiting(q: Query, each: number): Promise<WaitingRow[]> {
  return q<WaitingRow[]>`
    select w.id, w.repo, w.status, w.priority_rank, w.queued_at, w.not_before, w.files
    from repositories repo
    cross join generate_series(0, 3) as class(rank)
    cross join lateral (
      select * from work_items w
      where w.repo = repo.name and w.priority_rank = class.rank
        and w.status in ('drafting', 'queued', 'verifying') and w.current_run_id is null
      order by (w.status <> 'verifying'), w.queued_at, w.id
      limit ${each}
    ) w`
}

export async function countByStatus(q: Query): Promise<{ status: string; n: number }[]> {
  return q<{ status: string; n: number }[]>`select status, count(*) as n from work_items group by status`
}

export async function countWaiting(q: Query): Promise<{ priority: string; n: number }[]> {
  return q<{ priority: string; n: number }[]>`
    select priority, count(*) as n from work_items
    where status in ('drafting', 'queued', 'verifying') and current_run_id is null group by priority`
}
