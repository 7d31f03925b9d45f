import type { Query } from '../db/connect.ts'

export async function countItems(q: Query): Promise<{ status: string; n: number }[]> {
  return q<{ status: string; n: number }[]>`select status, count(*) as n from work_items group by status order by status`
}

/** Items that admission could give a run, whether or not something holds them now. */
export async function countQueue(q: Query): Promise<{ priority: string; n: number; oldest: Date }[]> {
  return q<{ priority: string; n: number; oldest: Date }[]>`
    select priority, count(*) as n, min(queued_at) as oldest from work_items
    where status in ('drafting', 'queued', 'verifying') and current_run_id is null
    group by priority order by priority`
}

export async function countLiveRuns(q: Query): Promise<{ kind: string; n: number }[]> {
  return q<{ kind: string; n: number }[]>`select kind, count(*) as n from runs where status in ('starting', 'running') group by kind order by kind`
}

export type Booked = { today_iterations: number; today_cost: number; total_cost: number }

export async function sumBudget(q: Query, today: string): Promise<Booked> {
  const rows = await q<Booked[]>`
    select coalesce(sum(iterations) filter (where day = ${today}::date), 0) as today_iterations,
      coalesce(sum(cost_usd) filter (where day = ${today}::date), 0) as today_cost,
      coalesce(sum(cost_usd), 0) as total_cost
    from budget_days`
  return rows[0] ?? { today_iterations: 0, today_cost: 0, total_cost: 0 }
}

export type DayRow = { day: string; completed: number; failed: number; cancelled: number; iterations: number; cost_usd: number }

/** One row per UTC day from `from` to `to`, days on which nothing happened included. */
export async function loadDays(q: Query, from: string, to: string): Promise<DayRow[]> {
  return q<DayRow[]>`
    with ends as (
      select (at at time zone 'utc')::date as day, data->>'to' as status, count(*) as n
      from work_events
      where type = 'work.status' and data->>'to' in ('completed', 'failed', 'cancelled')
        and at >= (${from}::date at time zone 'utc') and at < ((${to}::date + 1) at time zone 'utc')
      group by 1, 2
    )
    select to_char(d.day, 'YYYY-MM-DD') as day,
      coalesce((select n from ends e where e.day = d.day and e.status = 'completed'), 0) as completed,
      coalesce((select n from ends e where e.day = d.day and e.status = 'failed'), 0) as failed,
      coalesce((select n from ends e where e.day = d.day and e.status = 'cancelled'), 0) as cancelled,
      coalesce(b.iterations, 0) as iterations, coalesce(b.cost_usd, 0) as cost_usd
    from (select generate_series(${from}::date, ${to}::date, interval '1 day')::date as day) d
    left join budget_days b on b.day = d.day
    order by d.day`
}

/** Seconds from an item's creation to its pull request. */
export async function loadPullTimes(q: Query, since: Date): Promise<{ p50: number | null; p95: number | null }> {
  const rows = await q<{ p50: number | null; p95: number | null }[]>`
    select percentile_cont(0.5) within group (order by extract(epoch from completed_at - created_at)::float8) as p50,
      percentile_cont(0.95) within group (order by extract(epoch from completed_at - created_at)::float8) as p95
    from work_items where status = 'completed' and completed_at >= ${since}`
  return rows[0] ?? { p50: null, p95: null }
}

/** Why runs ended without what they were for. */
export async function countFailures(q: Query, since: Date): Promise<{ code: string; count: number }[]> {
  return q<{ code: string; count: number }[]>`
    select outcome->>'code' as code, count(*) as count from runs
    where finished_at >= ${since} and status in ('failed', 'stuck', 'lost') and outcome->>'code' is not null
    group by 1 order by 2 desc, 1 limit 20`
}
