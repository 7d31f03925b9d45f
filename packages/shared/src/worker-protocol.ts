import { z } from 'zod'
import { Learning, MAX_NEW_LEARNINGS, NewLearning } from './learning.ts'
import { RalphEvent } from './ralph-events.ts'
import { RepoName } from './repo.ts'
import { RunOutcome, RunProgress, Usage } from './run.ts'
import { RunKind } from './status.ts'
import { VerifyReport } from './verify-report.ts'
import { MAX_TEXT, WorkEnvironment } from './work.ts'

/** Seconds between two renewals of a lease, and how long one lasts (ARCHITECTURE "Leases"). */
export const HEARTBEAT_SECONDS = 20
export const LEASE_SECONDS = 120
/** Locks outlive a lease so that a lost worker's files stay closed until it is seen dead. */
export const LOCK_TTL_SECONDS = 3600

const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'must be a full commit id')

/** Gateway, `GET /egress/refused`: `host:port` of what it refused to the run that asks, because EGRESS_ALLOW does not name it. */
export const EgressRefusals = z.object({ refused: z.array(z.string()) })
export type EgressRefusals = z.infer<typeof EgressRefusals>

export const RegisterRequest = z.strictObject({
  /** Versions for the record: {"bun":"1.4.4","claude":"2.1.328","ralph":"0.1.0"}. */
  versions: z.record(z.string().max(40), z.string().max(100)).default({}),
  hostname: z.string().max(200).optional(),
})
export type RegisterRequest = z.infer<typeof RegisterRequest>

/** Everything a worker needs to know; the answer to `register`. */
export const Assignment = z.object({
  run: z.object({ id: z.number().int(), kind: RunKind, attempt: z.number().int(), token: z.number().int() }),
  item: z.object({
    id: z.number().int(),
    title: z.string(),
    sourceUrl: z.string().nullable(),
    spec: z.string().nullable(),
    description: z.string().nullable(),
  }),
  repo: RepoName,
  /** null: the forge's default branch. */
  baseBranch: z.string().nullable(),
  /** The only ref that the gateway lets this run push to: refs/factory/wip/<item>/<token>. */
  pushRef: z.string(),
  /** Work of an earlier attempt to go on from (build), or what is to be checked (verify). */
  resume: z.object({ ref: z.string(), sha, baseSha: sha }).nullable(),
  /** What an earlier attempt ended with, for the next prompt. */
  previous: z.object({ outcome: RunOutcome, report: VerifyReport.nullable() }).nullable(),
  model: z.string(),
  limits: z.object({
    maxIterations: z.number().int().positive(),
    maxCostUsd: z.number().positive(),
    maxMinutes: z.number().positive(),
    iterationMinutes: z.number().positive(),
    setupMinutes: z.number().positive(),
    verifyMinutes: z.number().positive(),
  }),
  learnings: z.array(Learning),
  commit: z.object({ name: z.string(), email: z.string() }),
  leaseSeconds: z.number().int().positive(),
  heartbeatSeconds: z.number().int().positive(),
})
export type Assignment = z.infer<typeof Assignment>

export const HeartbeatRequest = z.strictObject({
  progress: RunProgress.optional(),
  /** Totals of this run so far, not differences: a repeated heartbeat books nothing twice. */
  usage: Usage.optional(),
  /** Ralph's events since the last heartbeat; repeats are dropped by `(run, seq)`. */
  events: z.array(RalphEvent).max(500).default([]),
  environment: WorkEnvironment.optional(),
  baseSha: sha.optional(),
  /** Last commit pushed to `pushRef`. */
  headSha: sha.optional(),
})
export type HeartbeatRequest = z.infer<typeof HeartbeatRequest>

export const HeartbeatResponse = z.object({
  leaseExpiresAt: z.iso.datetime(),
  /** `cancel`: end at once, report nothing more than `fail` with this reason. */
  command: z.enum(['continue', 'cancel']),
  reason: z.string().nullable(),
})
export type HeartbeatResponse = z.infer<typeof HeartbeatResponse>

/** A path inside the repository, as git spells it. */
export const RepoPath = z
  .string()
  .min(1)
  .max(1000)
  .refine((path) => !path.startsWith('/') && !path.split('/').some((part) => part === '..' || part === '.' || part === ''), 'must be a path inside the repository, without . or ..')
  // oxlint-disable-next-line no-control-regex
  .refine((path) => !/[\u0000-\u001f]/.test(path), 'must not contain control characters')

export const LockRequest = z.strictObject({ paths: z.array(RepoPath).min(1).max(200) })
export type LockRequest = z.infer<typeof LockRequest>

export const LockHolder = z.object({ path: z.string(), runId: z.number().int(), itemId: z.number().int(), since: z.iso.datetime(), until: z.iso.datetime() })
export type LockHolder = z.infer<typeof LockHolder>

/** All paths or none. When refused, `conflicts` says who holds what. */
export const LockResponse = z.object({ granted: z.boolean(), conflicts: z.array(LockHolder) })
export type LockResponse = z.infer<typeof LockResponse>

const ending = {
  usage: Usage.optional(),
  events: z.array(RalphEvent).max(2000).default([]),
  learnings: z.array(NewLearning).max(MAX_NEW_LEARNINGS).default([]),
  /** Last commit pushed to `pushRef`, and the base it stands on. */
  headSha: sha.optional(),
  baseSha: sha.optional(),
}

/** spec run: `spec`; build run: `headSha`, `baseSha`, `spec` (boxes ticked), `report`; verify run: `report`. */
export const CompleteRequest = z.strictObject({
  ...ending,
  spec: z.string().max(MAX_TEXT).optional(),
  report: VerifyReport.optional(),
  summary: z.string().max(20_000).optional(),
})
export type CompleteRequest = z.infer<typeof CompleteRequest>

export const FailRequest = z.strictObject({ ...ending, outcome: RunOutcome, report: VerifyReport.optional() })
export type FailRequest = z.infer<typeof FailRequest>

/** `report`: what `.ai/stuck.md` says; for a spec run the question to ask. */
export const StuckRequest = z.strictObject({ ...ending, outcome: RunOutcome, report: z.string().max(60_000) })
export type StuckRequest = z.infer<typeof StuckRequest>

export const PauseRequest = z.strictObject({ ...ending, outcome: RunOutcome })
export type PauseRequest = z.infer<typeof PauseRequest>

/** What became of the item. A repeated ending of the same run gets the same answer. */
export const EndingResponse = z.object({ runStatus: z.string(), itemStatus: z.string() })
export type EndingResponse = z.infer<typeof EndingResponse>

/** `POST /internal/authorize`: the gateway asks whose token this is. */
export const AuthorizeRequest = z.strictObject({ token: z.string().min(1).max(300) })
export type AuthorizeRequest = z.infer<typeof AuthorizeRequest>

/** What the gateway may let this run do. */
export const RunGrant = z.object({
  runId: z.number().int(),
  itemId: z.number().int(),
  kind: RunKind,
  repo: RepoName,
  pushRef: z.string(),
  model: z.string(),
  leaseExpiresAt: z.iso.datetime(),
})
export type RunGrant = z.infer<typeof RunGrant>
