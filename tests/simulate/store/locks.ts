import { isLiveRun } from '@factory/shared'
import type { Database } from './database.ts'
import type { LockRow, RunRow } from './rows.ts'

const key = (repo: string, path: string) => `${repo}:${path}`

/** `mirrorLocks`: a path that another live run holds stays that run's. Returns how many are the run's now. */
export function mirrorLocks(db: Database, run: RunRow, paths: readonly string[], at: number): number {
  let mine = 0
  const written: string[] = []
  for (const path of paths) {
    const row = db.fileLocks.get(key(run.repo, path))
    if (row && row.runId !== run.id && isLiveRun(db.run(row.runId).status)) continue
    if (row?.runId !== run.id) written.push(path)
    db.put(db.fileLocks, key(run.repo, path), { repo: run.repo, path, runId: run.id, expiresAt: at + db.settings.lockSeconds * 1000 })
    mine++
  }
  if (mine < paths.length) dropMirrored(db, run, written)
  return mine
}

export function loadMirrored(db: Database, runId: number): string[] {
  return [...db.fileLocks.values()].filter((row) => row.runId === runId).map((row) => row.path)
}

export function dropMirrored(db: Database, run: RunRow, paths: readonly string[]): void {
  for (const path of paths) if (db.fileLocks.get(key(run.repo, path))?.runId === run.id) db.remove(db.fileLocks, key(run.repo, path))
}

/** Items that were parked behind the run may have become ready. */
export function noteReleased(db: Database, runId: number): void {
  const blocker = db.blockers.get(runId)
  if (blocker && !blocker.due) db.write(blocker, { due: true })
}

/** Of live runs: what one that has ended left behind closes no file. */
export function heldPaths(db: Database): LockRow[] {
  return [...db.fileLocks.values()].filter((row) => isLiveRun(db.run(row.runId).status))
}
