import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { leasesCountFrom, mayAct, type Lead } from './trust.ts'

const lead: Lead = { epoch: 3, askedAt: 1000, seconds: 10 }

describe('a leader’s trust in itself', () => {
  test('ends before its lease does, counted from the question', () => {
    expect(mayAct(lead, 1000)).toBe(true)
    expect(mayAct(lead, 7999)).toBe(true)
    expect(mayAct(lead, 8000)).toBe(false)
    expect(mayAct(null, 1000)).toBe(false)
  })

  test('is never longer than the lease, however long it is', () => {
    fc.assert(fc.property(fc.nat(1_000_000), fc.double({ min: 0.1, max: 300, noNaN: true }), fc.nat(1_000_000), (askedAt, seconds, later) => !mayAct({ epoch: 1, askedAt, seconds }, askedAt + seconds * 1000 + later)))
  })
})

describe('leases of workers count', () => {
  const now = new Date('2026-05-01T12:00:00Z')
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
  const before = new Date(0)
  const look = (seenAt: Date | null) => leasesCountFrom(before, { seenAt, now, leaderSeconds: 5, leaseSeconds: 120 })

  test('at once where some orchestrator was there all the time', () => {
    expect(look(ago(1))).toEqual(before)
    expect(look(null)).toEqual(before)
  })

  test('after a whole lease where nobody was, or the database’s clock jumped', () => {
    const later = new Date('2026-05-01T12:02:00Z')
    expect(look(ago(6))).toEqual(later)
    expect(look(ago(86_400))).toEqual(later)
    expect(look(ago(-3600))).toEqual(later)
  })
})
