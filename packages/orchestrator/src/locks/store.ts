import type { Query, Tx } from '../db/connect.ts'

export async function mirrorLocks(tx: Tx, lock: { repo: string; paths: readonly string[]; runId: number; expiresAt: Date; at: Date }): Promise<void> {
  const rows = lock.paths.map((path) => ({ repo: lock.repo, path, run_id: lock.runId, since: lock.at, expires_at: lock.expiresAt }))
  await tx`insert into file_locks ${tx(rows)} on conflict (repo, path) do update set run_id = excluded.run_id, expires_at = excluded.expires_at,
    since = case when file_locks.run_id = excluded.run_id then file_locks.since else excluded.since end`
}

export async function dropMirrored(q: Query, runId: number, paths?: readonly string[]): Promise<number> {
  const rows = await q`delete from file_locks where run_id = ${runId} ${paths ? q`and path = any(${paths as string[]})` : q``} returning path`
  return rows.length
}

export async function extendMirrored(q: Query, runId: number, expiresAt: Date): Promise<void> {
  await q`update file_locks set expires_at = ${expiresAt} where run_id = ${runId}`
}

export async function loadMirrored(q: Query, runId: number): Promise<string[]> {
  const rows = await q<{ path: string }[]>`select path from file_locks where run_id = ${runId} order by path`
  return rows.map((row) => row.path)
}
