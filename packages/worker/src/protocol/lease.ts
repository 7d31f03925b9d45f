/** Seconds, as the orchestrator gave them. */
export type Lease = { leaseSeconds: number; heartbeatSeconds: number }

/** A lease as its holder knows it; times in milliseconds of the careful clock. */
export type Held = Lease & {
  /** When the last renewal that was granted had been sent: the lease began later than that, never before. */
  renewedAt: number
  /** When the holder's own timer last came round. */
  lookedAt: number
  /** When the holder last found that its timer had stood still. */
  thawedAt: number
}

/** No call lasts longer, whatever the gateway does. */
const LONGEST_CALL_MS = 15_000

/**
 * How long before the end of the lease trust ends: one heartbeat, and a tenth of the lease at least.
 * Transport needs no part of it, because the lease is counted from when its renewal was sent. It is there
 * for what was begun in the last moment of trust: a call lasts at most {@link callBoundMs}, so with
 * the margin it is over before anybody else may be given the item. A larger one would cost health: with
 * leases as short as three heartbeats one lost heartbeat must not suspend a worker. Never more than half a lease.
 */
export function marginMs({ leaseSeconds, heartbeatSeconds }: Lease): number {
  return Math.min(leaseSeconds / 2, Math.max(leaseSeconds / 10, heartbeatSeconds)) * 1000
}

/** Milliseconds that a heartbeat may take, so that a gateway that hangs does not hold up the next one. */
export const callBoundMs = (lease: Lease): number => Math.min(LONGEST_CALL_MS, marginMs(lease))

/** A timer that came round this much later has missed a heartbeat: the process, or the machine, stood still. */
export const gapMs = ({ heartbeatSeconds }: Lease): number => heartbeatSeconds * 1000

/**
 * May this run act in a way that others see? Only with a renewal that was sent after the last standstill
 * and is younger than the lease less its margin, and only while the holder's own timer comes round: a
 * process that was stopped runs other callbacks before that timer.
 */
export function trust(held: Held, now: number): boolean {
  return held.renewedAt >= held.thawedAt && now - held.renewedAt <= held.leaseSeconds * 1000 - marginMs(held) && now - held.lookedAt <= gapMs(held)
}

/**
 * Milliseconds that a run lives without any answer. Two heartbeats more than the lease: the orchestrator
 * may be away for two minutes (an upgrade, a restart) and comes back to a run that went on working.
 */
export const patienceMs = ({ leaseSeconds, heartbeatSeconds }: Lease): number => (leaseSeconds + 2 * heartbeatSeconds) * 1000

/** Milliseconds before the next try after so many failures in a row: quick at first, then at the rate of heartbeats. */
export function retryDelay(failures: number, heartbeatSeconds: number): number {
  return Math.min(250 * 2 ** Math.min(failures, 10), heartbeatSeconds * 1000)
}
