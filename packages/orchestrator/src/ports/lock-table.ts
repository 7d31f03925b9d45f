export type LockOwner = { runId: number; itemId: number }
export type HeldLock = { repo: string; path: string; runId: number; itemId: number; since: Date; until: Date }
export type AcquireResult = { granted: true } | { granted: false; conflicts: HeldLock[] }

/**
 * Who works on which file. One contract suite (`lock-table.contract.ts`) runs against every adapter.
 *
 * An implementation MUST:
 * - `acquire` all paths or none, atomically, whoever else tries at the same time;
 * - treat a path that the same run holds already as granted, and renew it;
 * - let a lock end by itself `ttlSeconds` after it was acquired or last renewed;
 * - `renew`, `release`, `releaseAll` only locks of that very run;
 * - keep the same path of two repositories apart;
 * - know that it lost what it was given: `isWhole` is false from the loss (flushed, restarted empty, or a table that
 *   was just made) until `restore`, which writes locks and takes this note in one step, or not at all.
 *
 * In Redis a lock is the key `lock:{owner/name}:path` (the braces keep one repository's keys on one
 * cluster node) with readable JSON `{"runId","itemId","since","until"}` as its value and its own expiry. The key
 * `factory:locks:<instance>` is the note; it is gone when the locks are.
 */
export interface LockTable {
  readonly kind: 'redis' | 'memory'
  acquire(repo: string, paths: readonly string[], owner: LockOwner, ttlSeconds: number): Promise<AcquireResult>
  /** How many locks of the run were renewed. */
  renew(repo: string, paths: readonly string[], owner: LockOwner, ttlSeconds: number): Promise<number>
  /** How many locks were given back. */
  release(repo: string, paths: readonly string[], owner: LockOwner): Promise<number>
  /** All locks, or those of one repository. */
  list(repo?: string): Promise<HeldLock[]>
  /** false: it lost its locks, or never had any. */
  isWhole(): Promise<boolean>
  /** Writes these locks as they stand, also over another's: the mirror they come from has the last word. */
  restore(locks: readonly HeldLock[]): Promise<void>
  ping(): Promise<void>
  close(): Promise<void>
}
