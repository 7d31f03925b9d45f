import { createClock, type Clock } from '../ports/clock.ts'
import type { HeldLock, LockTable } from '../ports/lock-table.ts'

const keyOf = (repo: string, path: string) => `${repo}\0${path}`

/** Locks of a factory without Redis. They die with the process and are restored from their mirror at the next start. */
export function createMemoryLocks(clock: Clock = createClock()): LockTable {
  const held = new Map<string, HeldLock>()
  let whole = false

  /** Every verb below runs to its end without an await, so nobody comes in between. */
  function living(repo: string, path: string, now: Date): HeldLock | undefined {
    const key = keyOf(repo, path)
    const lock = held.get(key)
    if (lock && lock.until <= now) {
      held.delete(key)
      return undefined
    }
    return lock
  }

  const until = (now: Date, ttlSeconds: number) => new Date(now.getTime() + ttlSeconds * 1000)

  return {
    kind: 'memory',
    acquire(repo, paths, owner, ttlSeconds) {
      const now = clock.now()
      const conflicts = [...new Set(paths)].map((path) => living(repo, path, now)).filter((lock) => lock !== undefined && lock.runId !== owner.runId)
      if (conflicts.length > 0) return Promise.resolve({ granted: false, conflicts: conflicts.filter((lock) => lock !== undefined).map((lock) => ({ ...lock })) })
      for (const path of paths) held.set(keyOf(repo, path), { repo, path, ...owner, since: living(repo, path, now)?.since ?? now, until: until(now, ttlSeconds) })
      return Promise.resolve({ granted: true })
    },
    renew(repo, paths, owner, ttlSeconds) {
      const now = clock.now()
      const ours = [...new Set(paths)].map((path) => living(repo, path, now)).filter((lock) => lock?.runId === owner.runId)
      for (const lock of ours) if (lock) lock.until = until(now, ttlSeconds)
      return Promise.resolve(ours.length)
    },
    release(repo, paths, owner) {
      const now = clock.now()
      const ours = [...new Set(paths)].filter((path) => living(repo, path, now)?.runId === owner.runId)
      for (const path of ours) held.delete(keyOf(repo, path))
      return Promise.resolve(ours.length)
    },
    list(repo) {
      const now = clock.now()
      return Promise.resolve([...held.values()].filter((lock) => lock.until > now && (repo === undefined || lock.repo === repo)).map((lock) => ({ ...lock })))
    },
    isWhole: () => Promise.resolve(whole),
    restore(locks) {
      for (const lock of locks) held.set(keyOf(lock.repo, lock.path), { ...lock })
      whole = true
      return Promise.resolve()
    },
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
