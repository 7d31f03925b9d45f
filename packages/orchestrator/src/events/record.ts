import type { FactoryEventType } from '@factory/shared'
import { json, type Tx } from '../db/connect.ts'

export type NewEvent = { type: FactoryEventType; itemId: number | null; runId: number | null; data: unknown }

/** Writes one line of the record, in the transaction of the change that it tells of. */
export async function recordEvent(tx: Tx, event: NewEvent): Promise<void> {
  await tx`select record_event(${event.type}, ${event.itemId}, ${event.runId}, ${json(tx, event.data)})`
}
