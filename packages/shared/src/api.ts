import { z } from 'zod'
import { FactoryEvent } from './events.ts'
import { Learning, LearningKind } from './learning.ts'
import { Run } from './run.ts'
import { Priority, WorkStatus } from './status.ts'
import { CreateWork, EditWork, Waiting, WorkItem, WorkSummary } from './work.ts'
import {
  AuthorizeRequest,
  CompleteRequest,
  EndingResponse,
  FailRequest,
  HeartbeatRequest,
  HeartbeatResponse,
  LockRequest,
  LockResponse,
  Assignment,
  PauseRequest,
  RegisterRequest,
  RunGrant,
  StuckRequest,
} from './worker-protocol.ts'

/** Who may call: nobody needs a token, a person (FACTORY_TOKEN), or a run (its own token). */
export type Audience = 'public' | 'person' | 'run'

export type Endpoint = {
  method: 'get' | 'post' | 'put' | 'patch'
  /** OpenAPI's form: `/api/work/{id}`. */
  path: string
  audience: Audience
  summary: string
  params?: z.ZodObject
  query?: z.ZodObject
  body?: z.ZodType
  response: z.ZodType
}

/** PostgreSQL's integer: a larger id cannot exist. */
const MAX_ID = 2_147_483_647
const id = z.object({ id: z.coerce.number().int().positive().max(MAX_ID) })
const limit = z.coerce.number().int().min(1).max(500).default(50)
const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

export const WorkQuery = z.strictObject({
  status: WorkStatus.optional(),
  repo: z.string().max(200).optional(),
  source: z.string().max(40).optional(),
  sourceId: z.string().max(200).optional(),
  /** `true`: only items that are not completed, failed or cancelled. */
  active: flag.optional(),
  /** `true`: only items whose source was not told of their newest revision. */
  unreported: flag.optional(),
  limit,
  /** Items with a smaller id; take `next` of the answer before. */
  before: z.coerce.number().int().positive().max(MAX_ID).optional(),
})

export const WorkDetail = z.object({ item: WorkItem, runs: z.array(Run), events: z.array(FactoryEvent) })
export type WorkDetail = z.infer<typeof WorkDetail>

export const Reason = z.strictObject({ reason: z.string().trim().min(1).max(500).default('asked for by a person') })

export const LogLine = z.object({ at: z.iso.datetime(), stream: z.enum(['agent', 'ralph', 'worker', 'stderr']), text: z.string() })
export type LogLine = z.infer<typeof LogLine>

export const FactoryStatus = z.object({
  workers: z.object({ active: z.number().int(), allowed: z.number().int() }),
  queue: z.object({ total: z.number().int(), byPriority: z.record(Priority, z.number().int()) }),
  items: z.record(WorkStatus, z.number().int()),
  budget: z.object({
    day: z.string(),
    iterations: z.number().int(),
    reserved: z.number().int(),
    limit: z.number().int(),
    costUsd: z.number(),
  }),
  cooldownUntil: z.iso.datetime().nullable(),
  pausedUntil: z.iso.datetime().nullable(),
  pauseReason: z.string().nullable(),
  waiting: Waiting.nullable(),
  parts: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  runtime: z.string(),
  version: z.string(),
  startedAt: z.iso.datetime(),
})
export type FactoryStatus = z.infer<typeof FactoryStatus>

/** `configured`: what the environment says; `set`: somebody changed it while the factory runs. */
const LimitInForce = z.object({ value: z.number().int(), configured: z.number().int(), set: z.boolean() })
/** `maxWorkersPerRepo` 0: as many as there are workers. */
export const Limits = z.object({ maxWorkers: LimitInForce, maxWorkersPerRepo: LimitInForce, dailyIterations: LimitInForce, cooldownSeconds: LimitInForce })
export type Limits = z.infer<typeof Limits>

/** What is not named stays; null goes back to the configuration. */
export const ChangeLimits = z.strictObject({
  maxWorkers: z.number().int().min(0).max(1000).nullable().optional(),
  maxWorkersPerRepo: z.number().int().min(0).max(1000).nullable().optional(),
  dailyIterations: z.number().int().min(0).max(1_000_000).nullable().optional(),
  cooldownSeconds: z.number().int().min(0).max(86_400).nullable().optional(),
})
export type ChangeLimits = z.infer<typeof ChangeLimits>

/** Figures over the last `days` days. Durations in seconds. */
export const FactoryMetrics = z.object({
  days: z.number().int(),
  completed: z.number().int(),
  failed: z.number().int(),
  cancelled: z.number().int(),
  successRate: z.number().nullable(),
  iterations: z.number().int(),
  costUsd: z.number(),
  secondsToPull: z.object({ p50: z.number().nullable(), p95: z.number().nullable() }),
  failures: z.array(z.object({ code: z.string(), count: z.number().int() })),
  byDay: z.array(z.object({ day: z.string(), completed: z.number().int(), failed: z.number().int(), iterations: z.number().int(), costUsd: z.number() })),
})
export type FactoryMetrics = z.infer<typeof FactoryMetrics>

const endpoints = {
  createWork: { method: 'post', path: '/api/work', audience: 'person', summary: 'Ask for work. The same (source, sourceId) twice is one item.', body: CreateWork, response: z.object({ item: WorkItem, created: z.boolean() }) },
  listWork: { method: 'get', path: '/api/work', audience: 'person', summary: 'Work items, newest first.', query: WorkQuery, response: z.object({ items: z.array(WorkSummary), next: z.number().int().nullable() }) },
  getWork: { method: 'get', path: '/api/work/{id}', audience: 'person', summary: 'One item with its runs and events.', params: id, response: WorkDetail },
  editWork: { method: 'patch', path: '/api/work/{id}', audience: 'person', summary: 'Change an item before its first build run starts.', params: id, body: EditWork, response: z.object({ item: WorkItem }) },
  cancelWork: { method: 'post', path: '/api/work/{id}/cancel', audience: 'person', summary: 'Stop an item and its worker.', params: id, body: Reason, response: z.object({ item: WorkItem }) },
  retryWork: { method: 'post', path: '/api/work/{id}/retry', audience: 'person', summary: 'Take a failed, cancelled or waiting item up again.', params: id, body: Reason, response: z.object({ item: WorkItem }) },
  reportWork: { method: 'put', path: '/api/work/{id}/report', audience: 'person', summary: 'Intake: the source was told of this revision.', params: id, body: z.strictObject({ revision: z.number().int().nonnegative().max(MAX_ID) }), response: z.object({ reportedRevision: z.number().int() }) },

  listWorkers: { method: 'get', path: '/api/workers', audience: 'person', summary: 'Live runs first, then the latest ended ones.', query: z.strictObject({ live: flag.optional(), limit }), response: z.object({ workers: z.array(Run) }) },
  workerLogs: { method: 'get', path: '/api/workers/{id}/logs', audience: 'person', summary: 'What the run said, oldest first: Ralph, the agent, and what the worker wrote. `after` is the `next` of the page before.', params: id, query: z.strictObject({ after: z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).default(0), limit: z.coerce.number().int().min(1).max(5000).default(1000) }), response: z.object({ lines: z.array(LogLine), next: z.number().int() }) },
  killWorker: { method: 'post', path: '/api/workers/{id}/kill', audience: 'person', summary: 'End one run; its item goes back to the queue.', params: id, body: Reason, response: z.object({ run: Run }) },

  status: { method: 'get', path: '/api/status', audience: 'person', summary: 'The factory at a glance.', response: FactoryStatus },
  queue: { method: 'get', path: '/api/queue', audience: 'person', summary: 'Waiting items in the order of admission, each with its reason.', query: z.strictObject({ limit }), response: z.object({ items: z.array(WorkSummary) }) },
  limits: { method: 'get', path: '/api/limits', audience: 'person', summary: 'The limits in force, and where each comes from.', response: Limits },
  changeLimits: { method: 'patch', path: '/api/limits', audience: 'person', summary: 'Raise or lower limits at once; null goes back to the configuration.', body: ChangeLimits, response: Limits },
  metrics: { method: 'get', path: '/api/metrics', audience: 'person', summary: 'Throughput, success and cost.', query: z.strictObject({ days: z.coerce.number().int().min(1).max(90).default(7) }), response: FactoryMetrics },
  learnings: { method: 'get', path: '/api/learnings', audience: 'person', summary: 'Search what was learned; `mode` says how it was found.', query: z.strictObject({ q: z.string().max(1000).default(''), repo: z.string().max(200).optional(), kind: LearningKind.optional(), limit }), response: z.object({ learnings: z.array(Learning), mode: z.enum(['hybrid', 'text', 'recent']) }) },

  register: { method: 'post', path: '/worker/register', audience: 'run', summary: 'A worker reports for its run and gets its assignment.', body: RegisterRequest, response: Assignment },
  heartbeat: { method: 'post', path: '/worker/{id}/heartbeat', audience: 'run', summary: 'Renew the lease; tell progress.', params: id, body: HeartbeatRequest, response: HeartbeatResponse },
  lock: { method: 'post', path: '/worker/{id}/lock', audience: 'run', summary: 'Take all paths or none.', params: id, body: LockRequest, response: LockResponse },
  unlock: { method: 'post', path: '/worker/{id}/unlock', audience: 'run', summary: 'Give paths back.', params: id, body: LockRequest, response: z.object({ released: z.number().int() }) },
  complete: { method: 'post', path: '/worker/{id}/complete', audience: 'run', summary: 'The run did what it was for.', params: id, body: CompleteRequest, response: EndingResponse },
  fail: { method: 'post', path: '/worker/{id}/fail', audience: 'run', summary: 'The run could not do it.', params: id, body: FailRequest, response: EndingResponse },
  stuck: { method: 'post', path: '/worker/{id}/stuck', audience: 'run', summary: 'The run makes no progress and says why.', params: id, body: StuckRequest, response: EndingResponse },
  pause: { method: 'post', path: '/worker/{id}/pause', audience: 'run', summary: 'A limit stopped the run; it goes on later.', params: id, body: PauseRequest, response: EndingResponse },

  authorize: { method: 'post', path: '/internal/authorize', audience: 'person', summary: 'Gateway: whose run token is this?', body: AuthorizeRequest, response: RunGrant },
} as const satisfies Record<string, Endpoint>

/** The whole JSON API as data: routes, OpenAPI and the typed client are made from it. */
export const api = endpoints
export type Api = typeof endpoints
export type EndpointName = keyof Api
