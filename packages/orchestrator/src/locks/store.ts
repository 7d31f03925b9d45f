import type { Query, Tx } from '../db/connect.ts'
import type { HeldLock } from '../ports/lock-table.ts'

/**
 * Takes hold of the run's item before anything of the run: the event that is written later would do it (it names the
 * item), and every other verb locks the item first. In the other order two of them wait for each other.
 */
export async function holdItem(tx: Tx, runId: number): Promise<void> {
  await tx`select 1 from work_items w where w.id = (select item_id from runs where id = ${runId}) for key share`
}

/** Does the run live, and will until this transaction is over? */
export async function isLive(tx: Tx, runId: number): Promise<boolean> {
  await holdItem(tx, runId)
  const rows = await tx`select 1 from runs where id = ${runId} and status in ('starting', 'running') for share`
  return rows.length > 0
}

/**
 * Writes a run's locks down; a path that another live run holds stays that run's, whatever the time says (its
 * clock may have been set anew). Returns how many are the run's
 * now: when fewer than asked for, the caller's transaction must take none of them (the rows that were written
 * are dropped again here).
 */
export async function mirrorLocks(tx: Tx, lock: { repo: string; paths: readonly string[]; runId: number; expiresAt: Date; at: Date }): Promise<number> {
  const paths = [...lock.paths]
  const before = await tx<{ path: string }[]>`select path from file_locks where run_id = ${lock.runId} and path = any(${paths})`
  // in the order of the paths, so that two who want the same files wait for each other and do not deadlock
  const rows = await tx`
    insert into file_locks (repo, path, run_id, since, expires_at)
    select ${lock.repo}, path, ${lock.runId}, ${lock.at}, ${lock.expiresAt} from unnest(${paths}::text[]) path order by path
    on conflict (repo, path) do update set run_id = excluded.run_id, expires_at = excluded.expires_at,
      since = case when file_locks.run_id = excluded.run_id then file_locks.since else excluded.since end
    where file_locks.run_id = excluded.run_id
      or not exists (select from runs r where r.id = file_locks.run_id and r.status in ('starting', 'running'))
    returning path`
  if (rows.length < paths.length) {
    const mine = new Set(before.map((row) => row.path))
    await dropMirrored(tx, lock.runId, paths.filter((path) => !mine.has(path)))
  }
  return rows.length
}

/** Who holds these paths besides the run itself. */
export async function loadOthers(q: Query, locker: { repo: string; runId: number }, paths: readonly string[]): Promise<HeldLock[]> {
  const rows = await q<{ path: string; run_id: number; item_id: number; since: Date; expires_at: Date }[]>`
    select l.path, l.run_id, r.item_id, l.since, l.expires_at from file_locks l join runs r on r.id = l.run_id
    where l.repo = ${locker.repo} and l.path = any(${[...paths]}) and l.run_id <> ${locker.runId} order by l.path`
  return rows.map((row) => ({ repo: locker.repo, path: row.path, runId: row.run_id, itemId: row.item_id, since: row.since, until: row.expires_at }))
}

export async function dropMirrored(q: Query, runId: number, paths?: readonly string[]): Promise<number> {
  const rows = await q`delete from file_locks where run_id = ${runId} ${paths ? q`and path = any(${paths as string[]})` : q``} returning path`
  return rows.length
}

/**
 * All locks of live runs. Their rows stay as they are until the transaction ends: whoever gives one of them back
 * waits for it.
 */
export async function loadHeld(tx: Tx, at: Date): Promise<HeldLock[]> {
  const rows = await tx<{ repo: string; path: string; run_id: number; item_id: number; since: Date; expires_at: Date }[]>`
    select l.repo, l.path, l.run_id, r.item_id, l.since, l.expires_at from file_locks l join runs r on r.id = l.run_id
    where r.status in ('starting', 'running') and l.expires_at > ${at} order by l.repo, l.path for share of l`
  return rows.map((row) => ({ repo: row.repo, path: row.path, runId: row.run_id, itemId: row.item_id, since: row.since, until: row.expires_at }))
}

/** Items that were parked behind the run may have become ready. */
export async function noteReleased(tx: Tx, runId: number): Promise<void> {
  await tx`update blockers set due = true where run_id = ${runId} and not due`
}

export async function loadMirrored(q: Query, runId: number): Promise<string[]> {
  const rows = await q<{ path: string }[]>`select path from file_locks where run_id = ${runId} order by path`
  return rows.map((row) => row.path)
}
