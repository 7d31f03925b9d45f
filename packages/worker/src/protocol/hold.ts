import { gapMs, patienceMs, retryDelay, trust, type Held, type Lease } from './lease.ts'

/** The lease in the hands of its holder: what to do at each turn of its timer. Knows no timer and no network. */
export type Hold = {
  /** To be called at each turn of the timer. `urgent`: a renewal that is not due yet has something to carry. */
  look(urgent: boolean): 'wait' | 'renew' | 'give_up'
  /** Right before a renewal is sent; its result goes to {@link renewed}. */
  sending(): number
  renewed(sentAt: number): void
  failed(): void
  trusted(): boolean
  /** Milliseconds awake since the last answer. */
  silence(): number
}

/**
 * `now`: the careful clock. `mono`: the monotonic one, by which patience runs: a wall clock that is put
 * forward must end nobody. Of a standstill patience counts no more than one gap: nobody could have
 * answered then, and a run that is still ours after it goes on.
 */
export function holdLease(options: { lease: Lease; now: () => number; mono: () => number; renewedAt: number }): Hold {
  const { lease, now, mono } = options
  const held: Held = { ...lease, renewedAt: options.renewedAt, lookedAt: now(), thawedAt: Number.NEGATIVE_INFINITY }
  let seen = mono()
  let awake = 0
  let failures = 0
  let retryAt = 0

  return {
    look(urgent) {
      const [at, monoAt] = [now(), mono()]
      if (at - held.lookedAt > gapMs(lease)) {
        held.thawedAt = at
        failures = 0
      }
      awake += Math.min(Math.max(0, monoAt - seen), gapMs(lease))
      seen = monoAt
      held.lookedAt = at
      if (awake > patienceMs(lease)) return 'give_up'
      const due = failures > 0 ? retryAt : urgent || !trust(held, at) ? at : held.renewedAt + lease.heartbeatSeconds * 1000
      return at < due ? 'wait' : 'renew'
    },
    sending: now,
    renewed(sentAt) {
      held.renewedAt = Math.max(held.renewedAt, sentAt)
      failures = 0
      awake = 0
    },
    failed() {
      failures += 1
      retryAt = now() + retryDelay(failures, lease.heartbeatSeconds)
    },
    trusted: () => trust(held, now()),
    silence: () => awake,
  }
}
