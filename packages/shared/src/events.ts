import { z } from 'zod'

/**
 * What the factory did, in the order in which it was committed. Rows of `work_events`; also the
 * messages of `GET /api/events`.
 */
export const FACTORY_EVENT_TYPES = [
  'work.created',
  'work.edited',
  'work.status', // data: {from, to, reason}
  'work.environment', // data: WorkEnvironment
  'work.noted', // data: {fields}: facts changed without a move
  'run.admitted', // data: {kind, token, attempt, reason}
  'run.registered',
  'run.iteration', // data: {iteration, usage, commit}
  'run.finished', // data: {status, outcome}
  'run.verified', // data: VerifyReport
  'decision', // data: {decision, reason}
  'lock.acquired',
  'lock.denied',
  'lock.released',
  'effect.recorded',
  'effect.done',
  'effect.failed',
  'learning.saved',
  'account.paused', // data: {account, until, reason}
  'account.probed', // data: {account}: this run tries whether the model answers again
  'account.opened', // data: {account}
  'limits.changed', // data: the limits that people set
  'work.snapshot', // stands for the item's events that were removed; its patch is the whole row
  'factory.restored', // data: {at, factory, requeued}
] as const
export const FactoryEventType = z.enum(FACTORY_EVENT_TYPES)
export type FactoryEventType = z.infer<typeof FactoryEventType>

export const FactoryEvent = z.object({
  /** Opaque, ordered; give it back as `Last-Event-ID` and the stream goes on behind it. */
  id: z.string(),
  at: z.iso.datetime(),
  type: FactoryEventType,
  itemId: z.number().int().nullable(),
  runId: z.number().int().nullable(),
  data: z.record(z.string(), z.unknown()),
})
export type FactoryEvent = z.infer<typeof FactoryEvent>

/**
 * Not recorded and not replayed: what a live run does at this moment (`event: progress` on the
 * stream, without an id).
 */
export const ProgressMessage = z.object({ runId: z.number().int(), itemId: z.number().int(), progress: z.record(z.string(), z.unknown()) })
export type ProgressMessage = z.infer<typeof ProgressMessage>
