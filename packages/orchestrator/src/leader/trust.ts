/** What this process knows of the lead. Times are milliseconds of a clock that only runs forward. */
export type Lead = { epoch: number; askedAt: number; seconds: number }

/**
 * Whether a leader may still act. Its trust ends before its lease does, counted from when it asked: a process
 * that was frozen finds on its first look that another may lead, without having to ask anybody.
 */
export function mayAct(lead: Lead | null, now: number): boolean {
  return lead !== null && now < lead.askedAt + lead.seconds * 1000 * TRUSTED_SHARE
}

/** The rest is for the answer's way back and for what is begun just before the end. */
const TRUSTED_SHARE = 0.7

/** Looks this often per lease: two looks may be lost before the trust ends. */
export const LOOKS_PER_LEASE = 5

/**
 * Since when leases of workers count. While no orchestrator was there to take heartbeats (all were down or
 * frozen, the database was away, its clock jumped), silence proves nothing: the workers get a whole lease to
 * be heard again.
 */
export function leasesCountFrom(before: Date, look: { seenAt: Date | null; now: Date; leaderSeconds: number; leaseSeconds: number }): Date {
  const gapMs = look.seenAt === null ? 0 : Math.abs(look.now.getTime() - look.seenAt.getTime())
  const silent = look.seenAt !== null && gapMs > look.leaderSeconds * 1000
  return silent ? new Date(look.now.getTime() + look.leaseSeconds * 1000) : before
}
