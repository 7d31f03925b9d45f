import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { carefulClock } from '@factory/shared'
import { holdLease } from './hold.ts'
import { callBoundMs, gapMs, marginMs, patienceMs, retryDelay, trust, type Held } from './lease.ts'

const LEASE = { leaseSeconds: 120, heartbeatSeconds: 20 }
const held = (change: Partial<Held> = {}): Held => ({ ...LEASE, renewedAt: 0, lookedAt: 0, thawedAt: Number.NEGATIVE_INFINITY, ...change })

describe('trust', () => {
  test.each([
    ['right after a renewal', held(), 0, true],
    ['to the end of what is trusted', held({ lookedAt: 100_000 }), 100_000, true],
    ['not a moment longer, although the lease goes on', held({ lookedAt: 100_001 }), 100_001, false],
    ['not at the end of the lease', held({ lookedAt: 120_000 }), 120_000, false],
    ['not while the timer has not come round for a heartbeat', held(), 20_001, false],
    ['not after a standstill, however short the lease is held', held({ thawedAt: 5, lookedAt: 5 }), 6, false],
    ['not with a renewal that was sent before the standstill and answered after it', held({ renewedAt: 4, thawedAt: 5, lookedAt: 6 }), 6, false],
    ['with one that was sent after it', held({ renewedAt: 5, thawedAt: 5, lookedAt: 6 }), 6, true],
  ])('%s', (_name, given, now, is) => {
    expect(trust(given, now)).toBe(is)
  })

  test.each([
    // lease, heartbeat, margin, bound of a call, gap, patience
    [120, 20, 20_000, 15_000, 20_000, 160_000],
    [300, 20, 30_000, 15_000, 20_000, 340_000],
    [3, 1, 1000, 1000, 1000, 5000],
    [2, 1, 1000, 1000, 1000, 4000],
    [1, 1, 500, 500, 1000, 3000],
  ])('a lease of %p s with a heartbeat every %p s', (leaseSeconds, heartbeatSeconds, margin, bound, gap, patience) => {
    const lease = { leaseSeconds, heartbeatSeconds }
    expect([marginMs(lease), callBoundMs(lease), gapMs(lease), patienceMs(lease)]).toEqual([margin, bound, gap, patience])
  })

  test('ends a tenth of the lease before its end at the latest; a call that is begun in it ends within the lease', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), fc.integer({ min: 1, max: 3600 }), fc.integer({ min: 0, max: 4_000_000 }), (leaseSeconds, heartbeatSeconds, age) => {
        const lease = { leaseSeconds, heartbeatSeconds }
        if (!trust({ ...held(), ...lease, lookedAt: age }, age)) return
        expect(age).toBeLessThanOrEqual(leaseSeconds * 900)
        expect(age + callBoundMs(lease)).toBeLessThanOrEqual(leaseSeconds * 1000)
      }),
    )
  })

  test('tries come quickly at first, then at the rate of heartbeats', () => {
    expect([1, 2, 3, 50].map((failures) => retryDelay(failures, 20))).toEqual([500, 1000, 2000, 20_000])
  })
})

/** A holder on clocks that a test moves, its timer turning every 250 ms. */
function holder(lease = LEASE) {
  const time = { mono: 0, wall: 1_000_000 }
  const now = carefulClock({ mono: () => time.mono, wall: () => time.wall })
  const hold = holdLease({ lease, now, mono: () => time.mono, renewedAt: 0 })
  const pass = (mono: number, wall = mono) => {
    time.mono += mono
    time.wall += wall
  }
  /** So many milliseconds with the timer turning. What it said last. */
  const awake = (ms: number) => {
    let said = hold.look(false)
    for (let left = ms; left > 0; left -= 250) {
      pass(Math.min(250, left))
      said = hold.look(false)
    }
    return said
  }
  return { hold, pass, awake, now }
}

describe('a holder', () => {
  test('renews once a heartbeat; one that nobody answers ends after its patience, and is not trusted long before', () => {
    const { hold, awake } = holder()
    expect(awake(19_750)).toBe('wait')
    expect(awake(250)).toBe('renew')
    const sent = hold.sending()
    hold.renewed(sent)
    expect(awake(250)).toBe('wait')
    awake(99_750)
    expect(hold.trusted()).toBe(true)
    awake(250)
    expect(hold.trusted()).toBe(false)
    expect(awake(59_500)).not.toBe('give_up')
    expect(awake(500)).toBe('give_up')
  })

  test('after a standstill it is not trusted, renews first, and has all its patience but a heartbeat', () => {
    const { hold, pass, awake } = holder()
    awake(5000)
    const before = hold.sending()
    pass(3_600_000)
    expect(hold.trusted()).toBe(false)
    expect(hold.look(false)).toBe('renew')
    // The answer to what was sent before the standstill comes to be read.
    hold.renewed(before)
    expect(hold.trusted()).toBe(false)
    expect(hold.look(false)).toBe('renew')
    expect(awake(134_000)).not.toBe('give_up')
    hold.renewed(hold.sending())
    expect(hold.trusted()).toBe(true)
  })

  test('a machine that slept is seen by the wall clock alone, and by that', () => {
    const { hold, pass } = holder()
    pass(0, 3_600_000)
    expect(hold.look(false)).toBe('renew')
    expect(hold.trusted()).toBe(false)
    hold.renewed(hold.sending())
    expect(hold.trusted()).toBe(true)
  })

  test.each([86_400_000, -86_400_000])('a wall clock that jumps by %p ms ends nobody', (jump) => {
    const { hold, pass, awake } = holder()
    awake(10_000)
    pass(0, jump)
    expect(hold.look(false)).not.toBe('give_up')
    hold.renewed(hold.sending())
    expect(hold.trusted()).toBe(true)
    expect(awake(100_000)).not.toBe('give_up')
    expect(hold.trusted()).toBe(true)
    awake(250)
    expect(hold.trusted()).toBe(false)
  })

  test('a failure is tried again later, but at once after a standstill; what is urgent waits for no heartbeat', () => {
    const { hold, pass } = holder()
    expect(hold.look(true)).toBe('renew')
    hold.failed()
    expect(hold.look(true)).toBe('wait')
    pass(500)
    expect(hold.look(true)).toBe('renew')
    for (let failure = 0; failure < 10; failure++) hold.failed()
    pass(19_000)
    expect(hold.look(false)).toBe('wait')
    pass(21_000)
    expect(hold.look(false)).toBe('renew')
  })

  test('however the clocks go and the answers come, trust ends before the lease does', () => {
    const step = fc.record({
      real: fc.integer({ min: 0, max: 40_000 }),
      /** In this step: awake, process stopped, or machine asleep (which the monotonic clock does not see). */
      how: fc.constantFrom('awake', 'stopped', 'asleep'),
      jump: fc.oneof(fc.constant(0), fc.integer({ min: -200_000, max: 200_000 })),
      call: fc.constantFrom('none', 'send', 'answer'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { hold, pass } = holder()
        let real = 0
        let leaseFrom = 0
        let sent: { careful: number; real: number } | null = null
        for (const { real: ms, how, jump, call } of steps) {
          real += ms
          if (how === 'awake') {
            for (let left = ms; left > 0; left -= 250) {
              pass(Math.min(250, left))
              hold.look(false)
            }
            // The wall clock is set while we are awake: when it goes back, the next step must not be lost in that.
            pass(0, jump)
            hold.trusted()
          } else pass(how === 'stopped' ? ms : 0, ms)
          if (call === 'send') sent = { careful: hold.sending(), real }
          else if (call === 'answer' && sent) {
            hold.renewed(sent.careful)
            // The lease began when the orchestrator took the call, which was not before it was sent.
            leaseFrom = Math.max(leaseFrom, sent.real)
            sent = null
          }
          if (hold.trusted()) expect(real - leaseFrom).toBeLessThanOrEqual(LEASE.leaseSeconds * 1000 - marginMs(LEASE))
        }
      }),
      { numRuns: 500 },
    )
  })
})
