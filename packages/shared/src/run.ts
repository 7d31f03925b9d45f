import { z } from 'zod'
import { RunKind, RunStatus } from './status.ts'

/** Tokens and money, subagents included. Money in US dollars. */
export const Usage = z.object({
  iterations: z.number().int().nonnegative().default(0),
  inputTokens: z.number().int().nonnegative().default(0),
  outputTokens: z.number().int().nonnegative().default(0),
  cacheReadTokens: z.number().int().nonnegative().default(0),
  cacheWriteTokens: z.number().int().nonnegative().default(0),
  costUsd: z.number().nonnegative().default(0),
})
export type Usage = z.infer<typeof Usage>
export const NO_USAGE: Usage = Usage.parse({})

/** What a live run is doing now. Overwritten by each heartbeat, never a record. */
export const RunProgress = z.object({
  /** Which step of the worker's line: register, checkout, setup, agent, verify, push, report. */
  step: z.string().max(40),
  iteration: z.number().int().nonnegative().default(0),
  maxIterations: z.number().int().nonnegative().default(0),
  tasksDone: z.number().int().nonnegative().default(0),
  tasksTotal: z.number().int().nonnegative().default(0),
  task: z.string().max(500).nullable().default(null),
  /** Last thing the agent did ("Edit src/a.ts"). */
  activity: z.string().max(500).nullable().default(null),
})
export type RunProgress = z.infer<typeof RunProgress>

/** Why a run ended. `code` is a {@link OutcomeCode}; the message is for people. */
export const OUTCOME_CODES = [
  'done', // a verified result, or a written spec
  'verify_failed', // the clean room said no
  'stuck', // Ralph exit 10
  'limit_reached', // Ralph exit 11: iterations, time or cost of this run
  'usage_limit', // the account's window is used up; `until` says when it opens
  'auth', // the model refused the credential, or billing
  'bad_spec', // Ralph exit 14
  'base_unverifiable', // Ralph exit 15
  'lock_conflict', // another run holds a file this one needs
  'needs_input', // the agent asked a question instead of writing a spec
  'repository_not_found',
  'repository_forbidden',
  'repository_unreachable',
  'repository_empty',
  'bad_factory_yml',
  'setup_failed',
  'egress_refused', // setup needs hosts that EGRESS_ALLOW does not name
  'push_refused',
  'image_unusable', // the image cannot be pulled or has no git
  'start_failed', // the runtime could not start the worker
  'worker_exited', // the container ended without a word
  'disk_full', // the worker's disk took no more, and the run itself had not filled it
  'lease_expired', // no heartbeat for the lease time
  'cancelled', // by a person or because the issue was closed
  'killed', // by a person, this run only
  'restored', // the factory was restored from a backup that was made while it was live
  'internal',
] as const
export const OutcomeCode = z.enum(OUTCOME_CODES)
export type OutcomeCode = z.infer<typeof OutcomeCode>

export const RunOutcome = z.object({
  code: OutcomeCode,
  message: z.string().max(20_000),
  until: z.iso.datetime().nullable().default(null),
})
export type RunOutcome = z.infer<typeof RunOutcome>

export const Run = z.object({
  id: z.number().int(),
  itemId: z.number().int(),
  repo: z.string(),
  title: z.string(),
  kind: RunKind,
  status: RunStatus,
  /** Which attempt at the item this is, from 1. */
  attempt: z.number().int(),
  /** Fencing token: grows with every admission, never reused. */
  token: z.number().int(),
  runtime: z.string().nullable(),
  /** Container or process name, made from item and token. */
  worker: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
  leaseExpiresAt: z.iso.datetime(),
  heartbeatAt: z.iso.datetime().nullable(),
  progress: RunProgress.nullable(),
  outcome: RunOutcome.nullable(),
  usage: Usage,
  baseSha: z.string().nullable(),
  headSha: z.string().nullable(),
})
export type Run = z.infer<typeof Run>
