import type { RunStatus, Usage } from '@factory/shared'
import { json, type Query, type Tx } from '../db/connect.ts'
import type { RunRow } from './view.ts'

const fields = (q: Query) => q`r.id, r.item_id, i.repo, i.title, r.kind, r.status, r.attempt, r.token, r.worker, r.runtime, r.started_at,
  r.registered_at, r.finished_at, r.heartbeat_at, r.lease_expires_at, r.iterations_granted, r.iterations, r.account, r.progress, r.usage, r.outcome,
  r.report, r.base_sha, r.head_sha, r.cancel_code, r.cancel_reason`
const columns = (q: Query) => q`${fields(q)} from runs r join work_items i on i.id = r.item_id`

export async function loadRun(q: Query, id: number): Promise<RunRow | null> {
  const rows = await q<RunRow[]>`select ${columns(q)} where r.id = ${id}`
  return rows[0] ?? null
}

/** The run with the key of all runs' tokens, in one statement: every call of a worker begins with it. */
export async function loadRunAndKey(q: Query, id: number): Promise<{ run: RunRow; key: string } | null> {
  const rows = await q<(RunRow & { run_key: string })[]>`select s.run_key, ${fields(q)} from runs r join work_items i on i.id = r.item_id cross join factory_state s where r.id = ${id}`
  const row = rows[0]
  if (!row) return null
  const { run_key: key, ...run } = row
  return { run, key }
}

/** Locks the run by primary key. Callers lock its item first, always in this order. */
export async function lockRun(tx: Tx, id: number): Promise<RunRow | null> {
  const rows = await tx<RunRow[]>`select ${columns(tx)} where r.id = ${id} for update of r`
  return rows[0] ?? null
}

export async function loadRuns(q: Query, ids: readonly number[]): Promise<RunRow[]> {
  if (ids.length === 0) return []
  return q<RunRow[]>`select ${columns(q)} where r.id = any(${ids as number[]}) order by r.id`
}

export async function loadRunsOfItem(q: Query, itemId: number): Promise<RunRow[]> {
  return q<RunRow[]>`select ${columns(q)} where r.item_id = ${itemId} order by r.id`
}

export async function loadLatestRuns(q: Query, options: { live?: boolean | undefined; limit: number }): Promise<RunRow[]> {
  const live = q`r.status in ('starting', 'running')`
  return q<RunRow[]>`select ${columns(q)}
    where true ${options.live === undefined ? q`` : options.live ? q`and ${live}` : q`and not ${live}`}
    order by (${live}) desc, r.id desc limit ${options.limit}`
}

/** Live runs, and ended ones whose container or directory is not removed yet. */
export async function loadUnsettled(q: Query): Promise<RunRow[]> {
  return q<RunRow[]>`select ${columns(q)} where r.cleaned_at is null order by r.id`
}

/** The run before this one that ended with something to tell the next. */
export async function loadPrevious(q: Query, itemId: number, beforeRun: number): Promise<RunRow | null> {
  const rows = await q<RunRow[]>`select ${columns(q)}
    where r.item_id = ${itemId} and r.id < ${beforeRun} and r.kind in ('build', 'verify') and r.outcome is not null
      and r.outcome->>'code' not in ('done', 'killed', 'cancelled')
    order by r.id desc limit 1`
  return rows[0] ?? null
}

/** starting → running. true: the first time. @throws FX002 when the run no longer speaks for its item */
export async function callRegister(tx: Tx, run: { id: number; token: number }, versions: unknown, at: Date, leaseSeconds: number): Promise<boolean> {
  const rows = await tx<{ first: boolean }[]>`select register_run(${run.id}, ${run.token}, ${json(tx, versions)}, ${at}, ${leaseSeconds}) as first`
  return rows[0]?.first ?? false
}

export async function setRuntime(q: Query, id: number, runtime: string): Promise<void> {
  await q`update runs set runtime = ${runtime} where id = ${id}`
}

export type Renewal = { repo: string; item_id: number; kind: string; base_sha: string | null; cancel_code: 'cancelled' | 'killed' | null; cancel_reason: string | null; paths: string[] }

/** A heartbeat in one statement: lease, mirror of the locks, progress, usage. `paths`: the locks that the run holds. */
export async function callRenew(
  q: Query,
  run: { id: number; token: number },
  values: { at: Date; leaseSeconds: number; lockSeconds: number; progress?: unknown; usage?: Usage | undefined; headSha?: string | undefined; baseSha?: string | undefined },
): Promise<Renewal> {
  const rows = await q<Renewal[]>`select * from renew_run(${run.id}, ${run.token}, ${values.at}, ${values.leaseSeconds}, ${values.lockSeconds},
    ${values.progress === undefined ? null : json(q, values.progress)}, ${values.usage === undefined ? null : json(q, values.usage)}, ${values.headSha ?? null}, ${values.baseSha ?? null})`
  const row = rows[0]
  if (!row) throw new Error(`the item of run ${run.id} disappeared`)
  return row
}

/** Returns the sequence numbers that were new. */
export async function insertRunEvents(tx: Tx, runId: number, events: readonly { seq: number; ts: string }[]): Promise<Set<number>> {
  if (events.length === 0) return new Set()
  const rows = events.map((event) => ({ run_id: runId, seq: event.seq, at: new Date(event.ts), event: json(tx, event) }))
  const inserted = await tx<{ seq: number }[]>`insert into run_events ${tx(rows as never)} on conflict do nothing returning seq`
  return new Set(inserted.map((row) => row.seq))
}

/** A run ends once. false: it had ended before, and nothing was changed. `token` null: the leader says so, not the run. */
export async function callEnd(
  tx: Tx,
  run: { id: number; token: number | null },
  values: { status: RunStatus; outcome: unknown; report: unknown; usage?: Usage | undefined; headSha?: string | undefined; baseSha?: string | undefined; logTail?: string | undefined; at: Date },
): Promise<boolean> {
  const rows = await tx<{ ended: boolean }[]>`select end_run(${run.id}, ${run.token}, ${values.status}, ${json(tx, values.outcome)}, ${values.report ? json(tx, values.report) : null},
    ${values.usage === undefined ? null : json(tx, values.usage)}, ${values.headSha ?? null}, ${values.baseSha ?? null}, ${values.logTail ?? null}, ${values.at}) as ended`
  return rows[0]?.ended ?? false
}

export async function setCancel(tx: Tx, id: number, cancel: { code: 'cancelled' | 'killed'; reason: string }): Promise<boolean> {
  const rows = await tx`update runs set cancel_code = ${cancel.code}, cancel_reason = ${cancel.reason}
    where id = ${id} and status in ('starting', 'running') and cancel_code is null returning id`
  return rows.length > 0
}

/** `logTail`: the worker's last words, unless they were kept when it ended. */
export async function setCleaned(q: Query, id: number, logTail: string, at: Date): Promise<void> {
  await q`update runs set cleaned_at = ${at}, log_tail = coalesce(log_tail, ${logTail}) where id = ${id}`
}

export async function loadRunKey(q: Query): Promise<string> {
  const rows = await q<{ run_key: string }[]>`select run_key from factory_state`
  const row = rows[0]
  if (!row) throw new Error('factory_state has no row')
  return row.run_key
}

export async function loadRunEvents(q: Query, runId: number, after: number, limit: number): Promise<{ seq: number; at: Date; event: unknown }[]> {
  return q<{ seq: number; at: Date; event: unknown }[]>`select seq, at, event from run_events where run_id = ${runId} and seq > ${after} order by seq limit ${limit}`
}

/** The tail of a removed worker's output, unless its pieces are there (`run_logs`). */
export async function loadLastWords(q: Query, runId: number): Promise<string | null> {
  const rows = await q<{ log_tail: string | null }[]>`select log_tail from runs r
    where r.id = ${runId} and r.cleaned_at is not null and not exists (select 1 from run_logs l where l.run_id = r.id)`
  return rows[0]?.log_tail ?? null
}
