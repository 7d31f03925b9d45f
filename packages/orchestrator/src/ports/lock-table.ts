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
 * - keep the same path of two repositories apart.
 *
 * In Redis a lock is the key `lock:{owner/name}:path` (the braces keep one repository's keys on one
 * cluster node) with readable JSON `{"runId","itemId","since","until"}` as its value and its own expiry.
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
  ping(): Promise<void>
  close(): Promise<void>
}
