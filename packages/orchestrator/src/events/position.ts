import { FactoryError } from '@factory/shared'

/**
 * A place in the stream of events: behind the event `seq` of transaction `xid`. Transaction ids are
 * 64 bits wide, so they stay text.
 */
export type Position = { xid: string; seq: number }

export function positionId(position: Position): string {
  return `${position.xid}-${position.seq}`
}

/** Reads an event's id. @throws FactoryError `bad_request` for what was never one */
export function parsePosition(id: string): Position {
  const match = /^(\d{1,19})-(\d{1,15})$/.exec(id)
  if (!match || BigInt(match[1] ?? '') > 2n ** 63n - 1n) {
    throw new FactoryError('bad_request', 'Last-Event-ID: must be the id of an event', [{ path: 'Last-Event-ID', problem: 'must be the id of an event' }])
  }
  return { xid: BigInt(match[1] ?? '').toString(), seq: Number(match[2]) }
}

/** Negative when `a` comes first. */
export function comparePositions(a: Position, b: Position): number {
  const byTransaction = BigInt(a.xid) - BigInt(b.xid)
  return byTransaction === 0n ? a.seq - b.seq : byTransaction < 0n ? -1 : 1
}
