import type { Logger } from '@factory/shared'
import type { Db } from '../db/connect.ts'
import { notLeading } from '../db/refusal.ts'
import { callLead, callStopLeading } from './store.ts'
import { leasesCountFrom, LOOKS_PER_LEASE, mayAct, type Lead } from './trust.ts'

/** Whether this orchestrator leads, as its scheduler asks it. */
export type Leadership = {
  /** The epoch under which this process may act now; null: another leads, or nobody can say. */
  epoch(): number | null
  /** @throws FactoryError that `isNotLeading` knows, when this process no longer leads under that epoch */
  assert(epoch: number): void
  /** No lease of a worker counts as run out before this. */
  leasesCountFrom(): Date
  /** Who leads, for people; null before the first look. */
  holder(): string | null
}

export type LeadershipOptions = {
  db: Db
  log: Logger
  /** Unique to this process. */
  holder: string
  leaderSeconds: number
  leaseSeconds: number
  /** Milliseconds of a clock that only runs forward and that a stopped process still pays for. */
  steady: () => number
  /** The database's time at each look: the one clock of all orchestrators. */
  onTime?: (now: Date) => void
  onLead?: () => void
}

/** Looks at the lease several times per its length, on a timer of its own: a slow tick costs no lead. */
export function createLeadership(options: LeadershipOptions): Leadership & { start(): Promise<void>; look(): Promise<void>; stop(): Promise<void> } {
  const { db, log, holder, leaderSeconds, leaseSeconds, steady } = options
  let lead: Lead | null = null
  let seenHolder: string | null = null
  let counts = new Date(0)
  let first = true
  let looking: Promise<void> | null = null
  let stopped = false
  let away = false

  const lookMs = Math.max(50, (leaderSeconds * 1000) / LOOKS_PER_LEASE)

  async function once(): Promise<void> {
    const askedAt = steady()
    try {
      const row = await callLead(db.sql, holder, leaderSeconds)
      if (stopped) return
      // An answer that waited for this process while it was frozen tells an old time; the next look is soon.
      if (steady() - askedAt < lookMs) options.onTime?.(row.now)
      // Nobody ever looked, or this process just began: what was before is unknown.
      counts = first && row.seen_at === null ? new Date(row.now.getTime() + leaseSeconds * 1000) : leasesCountFrom(counts, { seenAt: row.seen_at, now: row.now, leaderSeconds, leaseSeconds })
      first = false
      away = false
      seenHolder = row.holder
      const gained = row.leads && lead?.epoch !== row.epoch
      if (lead && !row.leads) log.warn({ holder: row.holder, epoch: row.epoch }, 'another orchestrator leads now')
      lead = row.leads ? { epoch: row.epoch, askedAt, seconds: leaderSeconds } : null
      if (gained) {
        log.info({ epoch: row.epoch, leasesCountFrom: counts }, 'this orchestrator leads')
        options.onLead?.()
      }
    } catch (error) {
      if (!away) log.warn({ err: error }, 'the lead could not be asked for; nothing is started or given up meanwhile')
      away = true
    }
  }

  function look(): Promise<void> {
    looking ??= once().finally(() => {
      looking = null
    })
    return looking
  }
  let timer: ReturnType<typeof setInterval> | undefined

  const epoch = () => (lead !== null && mayAct(lead, steady()) ? lead.epoch : null)
  return {
    epoch,
    assert(expected) {
      if (epoch() !== expected) throw notLeading(expected)
    },
    leasesCountFrom: () => counts,
    holder: () => seenHolder,
    async start() {
      timer = setInterval(() => void look(), lookMs)
      await look()
    },
    look,
    async stop() {
      stopped = true
      clearInterval(timer)
      await looking
      const held = lead
      lead = null
      if (held) await callStopLeading(db.sql, holder, held.epoch).catch((error: unknown) => log.warn({ err: error }, 'the lead was not given back; it ends by itself'))
    },
  }
}
