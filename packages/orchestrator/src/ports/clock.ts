/** The time. Tests give a clock that they move by hand. */
export interface Clock {
  now(): Date
}

export type SyncedClock = Clock & {
  /** Takes over the database's time: the one clock of all orchestrators. */
  sync(now: Date): void
}

/**
 * The wall clock as it was read once, run on by a clock that only goes forward: a machine's time that is set
 * anew in between moves no lease. `sync` holds it to the database's.
 */
export function createClock(wall: () => number = Date.now, steady: () => number = () => performance.now()): SyncedClock {
  let at = wall()
  let since = steady()
  return {
    now: () => new Date(at + steady() - since),
    sync(now) {
      at = now.getTime()
      since = steady()
    },
  }
}
