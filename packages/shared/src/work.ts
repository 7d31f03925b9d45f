import { z } from 'zod'
import { Run, Usage } from './run.ts'
import { Priority, WorkStatus } from './status.ts'
import { VerifyReport } from './verify-report.ts'

/** 256 KiB: an issue body of GitHub's own maximum (65,536 characters) fits whatever its encoding. */
export const MAX_TEXT = 262_144

/** Who asked, as the source knows them. */
export const Author = z.strictObject({
  login: z.string().min(1).max(100),
  /** GitHub's author_association: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE … */
  association: z.string().min(1).max(40),
})
export type Author = z.infer<typeof Author>

const common = {
  repo: z.string().min(1).max(300),
  priority: Priority.optional(),
  title: z.string().trim().min(1).max(300).optional(),
  baseBranch: z.string().min(1).max(200).regex(/^(?!-)[A-Za-z0-9._/-]+$/, 'must be a branch name').optional(),
  author: Author.optional(),
}

/** The long form: somebody else's ticket, identified by `(source, sourceId)`. */
export const CreateWorkLong = z.strictObject({
  ...common,
  source: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be a short lower-case word'),
  sourceId: z.string().min(1).max(200),
  sourceUrl: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).max(2000).optional(),
  /** Markdown with task boxes: used as it stands. */
  spec: z.string().max(MAX_TEXT).optional(),
  /** What is wanted, in prose: a spec run turns it into a spec. */
  description: z.string().min(1).max(MAX_TEXT).optional(),
})

/** The short form: a sentence or two; the source is `api` and the id is made up. */
export const CreateWorkShort = z.strictObject({ ...common, description: z.string().trim().min(1).max(MAX_TEXT) })

/** `POST /api/work`. With `source` it is read as the long form, without as the short one. */
export const CreateWork = z.union([CreateWorkLong, CreateWorkShort])
export type CreateWork = z.infer<typeof CreateWork>

/** `PATCH /api/work/:id`: only before the first build run starts. */
export const EditWork = z.strictObject({
  title: common.title,
  spec: z.string().max(MAX_TEXT).optional(),
  description: z.string().min(1).max(MAX_TEXT).optional(),
  priority: Priority.optional(),
})
export type EditWork = z.infer<typeof EditWork>

/** Why an item that could run does not run yet, and what ends that. */
export const WAIT_CODES = [
  'worker_slot',
  'repository_slot',
  'cooldown',
  'daily_budget',
  'usage_limit',
  'retry_backoff',
  'file_conflict',
  'engine_unavailable',
] as const
export const Waiting = z.object({
  code: z.enum(WAIT_CODES),
  message: z.string(),
  until: z.iso.datetime().nullable(),
})
export type Waiting = z.infer<typeof Waiting>

/** Commands the factory uses for this repository, and where they come from. */
export const WorkEnvironment = z.object({
  source: z.enum(['factory_yml', 'detected', 'spec', 'none']),
  image: z.string().nullable().default(null),
  setup: z.array(z.string()),
  verify: z.array(z.string()),
  /** Checks that the spec asks for besides: they have to succeed, whatever they did before. Absent: none. */
  required: z.array(z.string()).optional(),
  /** One line per thing detected: "bun.lock: bun install". */
  notes: z.array(z.string()).default([]),
})
export type WorkEnvironment = z.infer<typeof WorkEnvironment>

export const PullRef = z.object({ number: z.number().int(), url: z.string() })
export type PullRef = z.infer<typeof PullRef>

/** A row of a list. */
export const WorkSummary = z.object({
  id: z.number().int(),
  source: z.string(),
  sourceId: z.string(),
  sourceUrl: z.string().nullable(),
  repo: z.string(),
  title: z.string(),
  status: WorkStatus,
  priority: Priority,
  author: Author.nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** When it last entered a state in which it waits for a worker: the age that orders the queue. */
  queuedAt: z.iso.datetime(),
  waiting: Waiting.nullable(),
  attempts: z.number().int(),
  maxAttempts: z.number().int(),
  /** Runs lost to infrastructure; they do not count as attempts. */
  losses: z.number().int(),
  run: Run.nullable(),
  branch: z.string().nullable(),
  pull: PullRef.nullable(),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
  question: z.string().nullable(),
  usage: Usage,
  /** Grows with every change people can see; `reportedRevision` is the last one told to the source. */
  revision: z.number().int(),
  reportedRevision: z.number().int(),
})
export type WorkSummary = z.infer<typeof WorkSummary>

export const WorkItem = WorkSummary.extend({
  spec: z.string().nullable(),
  /** The source's own words, from which a spec run writes the spec. */
  description: z.string().nullable(),
  baseBranch: z.string().nullable(),
  environment: WorkEnvironment.nullable(),
  evidence: VerifyReport.nullable(),
})
export type WorkItem = z.infer<typeof WorkItem>
