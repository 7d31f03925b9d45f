/**
 * Has this run waited too long for a renewal? Two heartbeats after the end of the lease, not at its
 * end: the orchestrator may be away for two minutes (an upgrade, a restart) and come back to a run
 * that went on working. That is safe because nothing leaves the worker meanwhile: the gateway asks
 * the orchestrator about every push, and a run that was given up for dead has a stale token.
 */
export function leaseEnded(lease: { now: number; renewedAt: number; leaseSeconds: number; heartbeatSeconds: number }): boolean {
  return lease.now - lease.renewedAt > (lease.leaseSeconds + 2 * lease.heartbeatSeconds) * 1000
}

/** Milliseconds before the next try after so many failures in a row: quick at first, then at the rate of heartbeats. */
export function retryDelay(failures: number, heartbeatSeconds: number): number {
  return Math.min(250 * 2 ** Math.min(failures, 10), heartbeatSeconds * 1000)
}
