import type { RunStatus, Usage } from '@factory/shared'
import { json, type Query, type Tx } from '../db/connect.ts'
import type { RunRow } from './view.ts'

const columns = (q: Query) => q`r.id, r.item_id, i.repo, i.title, r.kind, r.status, r.attempt, r.token, r.worker, r.runtime, r.started_at,
  r.registered_at, r.finished_at, r.heartbeat_at, r.lease_expires_at, r.iterations_granted, r.iterations, r.progress, r.usage, r.outcome,
  r.report, r.base_sha, r.head_sha, r.cancel_code, r.cancel_reason from runs r join work_items i on i.id = r.item_id`

export async function loadRun(q: Query, id: number): Promise<RunRow | null> {
  const rows = await q<RunRow[]>`select ${columns(q)} where r.id = ${id}`
  return rows[0] ?? null
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

export async function setRunning(tx: Tx, id: number, values: { versions: unknown; at: Date; leaseExpiresAt: Date }): Promise<void> {
  await tx`update runs set status = 'running', registered_at = coalesce(registered_at, ${values.at}), heartbeat_at = ${values.at},
    lease_expires_at = ${values.leaseExpiresAt}, versions = ${json(tx, values.versions)} where id = ${id}`
}

export async function setRuntime(q: Query, id: number, runtime: string): Promise<void> {
  await q`update runs set runtime = ${runtime} where id = ${id}`
}

export async function renewLease(
  tx: Tx,
  id: number,
  values: { at: Date; leaseExpiresAt: Date; progress?: unknown; headSha?: string | undefined; baseSha?: string | undefined },
): Promise<void> {
  await tx`update runs set heartbeat_at = ${values.at}, lease_expires_at = ${values.leaseExpiresAt}
    ${values.progress === undefined ? tx`` : tx`, progress = ${json(tx, values.progress)}`}
    ${values.headSha === undefined ? tx`` : tx`, head_sha = ${values.headSha}`}
    ${values.baseSha === undefined ? tx`` : tx`, base_sha = ${values.baseSha}`}
    where id = ${id}`
}

export async function setUsage(tx: Tx, id: number, usage: Usage): Promise<void> {
  await tx`update runs set usage = ${json(tx, usage)}, iterations = ${usage.iterations} where id = ${id}`
}

/** Returns the sequence numbers that were new. */
export async function insertRunEvents(tx: Tx, runId: number, events: readonly { seq: number; ts: string }[]): Promise<Set<number>> {
  if (events.length === 0) return new Set()
  const rows = events.map((event) => ({ run_id: runId, seq: event.seq, at: new Date(event.ts), event: json(tx, event) }))
  const inserted = await tx<{ seq: number }[]>`insert into run_events ${tx(rows as never)} on conflict do nothing returning seq`
  return new Set(inserted.map((row) => row.seq))
}

export async function finishRun(
  tx: Tx,
  id: number,
  values: { status: RunStatus; outcome: unknown; report: unknown; headSha?: string | undefined; baseSha?: string | undefined; logTail?: string | undefined; at: Date },
): Promise<void> {
  await tx`update runs set status = ${values.status}, outcome = ${json(tx, values.outcome)}, finished_at = ${values.at},
    report = ${values.report ? json(tx, values.report) : null}
    ${values.headSha === undefined ? tx`` : tx`, head_sha = ${values.headSha}`}
    ${values.baseSha === undefined ? tx`` : tx`, base_sha = ${values.baseSha}`}
    ${values.logTail === undefined ? tx`` : tx`, log_tail = ${values.logTail}`}
    where id = ${id}`
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

export async function loadLogTail(q: Query, runId: number): Promise<string | null> {
  const rows = await q<{ log_tail: string | null }[]>`select log_tail from runs where id = ${runId}`
  return rows[0]?.log_tail ?? null
}
