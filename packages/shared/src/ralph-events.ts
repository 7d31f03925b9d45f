import { z } from 'zod'
import { NewLearning } from './learning.ts'
import { Usage } from './run.ts'
import { VerifyReport } from './verify-report.ts'

/**
 * Ralph's event contract, version 1: newline-delimited JSON on stdout and in
 * `.ai/ralph/events.jsonl`, one object a line, at most 64 KiB a line. Readers ignore events and
 * fields they do not know and drop repeats by `(run, seq)`.
 */
export const RALPH_EVENT_VERSION = 1
export const MAX_EVENT_LINE_BYTES = 65_536

/** Exit codes of `ralph run`, `ralph draft` and `ralph verify`. */
export const RALPH_EXIT = {
  verified: 0,
  stuck: 10,
  limit: 11,
  paused: 12,
  auth: 13,
  badSpec: 14,
  baseUnverifiable: 15,
  lockConflict: 16,
  internal: 20,
  usage: 64,
  interrupted: 130,
  terminated: 143,
} as const
export type RalphExit = (typeof RALPH_EXIT)[keyof typeof RALPH_EXIT]

const envelope = {
  v: z.literal(RALPH_EVENT_VERSION),
  /** From 1, without gaps, over the whole life of a run (a resumed run goes on counting). */
  seq: z.number().int().positive(),
  ts: z.iso.datetime(),
  run: z.string(),
}

const event = <Name extends string, Shape extends z.ZodRawShape>(name: Name, shape: Shape) =>
  z.object({ ...envelope, event: z.literal(name), ...shape })

/** Why Ralph ended an execution of the agent that would have gone on. */
export const EndedBy = z.enum(['silence', 'time', 'same_call'])
export type EndedBy = z.infer<typeof EndedBy>

const taskRef = { id: z.string(), text: z.string() }

export const RalphEvent = z.discriminatedUnion('event', [
  event('run.started', {
    mode: z.enum(['run', 'draft', 'verify']),
    baseSha: z.string().nullable(),
    tasks: z.array(z.object({ ...taskRef, done: z.boolean() })),
    verify: z.array(z.string()),
    model: z.string().nullable(),
    maxIterations: z.number().int(),
    resumed: z.boolean(),
  }),
  event('iteration.started', {
    iteration: z.number().int(),
    task: z.object(taskRef).nullable(),
    kind: z.enum(['work', 'diagnosis', 'draft']),
    /** Size of the prompt by Ralph's own estimate; null where none was made. */
    promptTokens: z.number().int().nullable().default(null),
  }),
  event('iteration.finished', {
    iteration: z.number().int(),
    durationMs: z.number(),
    isError: z.boolean(),
    /** Set when Ralph ended the execution: no output, the wall clock, or the same tool call over and over. */
    endedBy: EndedBy.nullable().default(null),
    /** Commit made of this iteration's work, or null when the tree did not change. */
    commit: z.string().nullable(),
    tree: z.string().nullable(),
    /** What this iteration alone used. */
    usage: Usage,
    text: z.string().nullable(),
  }),
  event('heartbeat', { iteration: z.number().int(), elapsedMs: z.number() }),
  event('agent.activity', {
    iteration: z.number().int(),
    kind: z.enum(['text', 'tool', 'tool_result', 'retry', 'system']),
    /** One line for people, at most 500 characters. */
    summary: z.string(),
    tool: z.string().nullable().default(null),
    /** Set when Ralph undid something the agent did (`checklist_edited`) or could not commit something (`held_back`). */
    rule: z.string().nullable().default(null),
    /** Set when a subagent did it. */
    parent: z.string().nullable().default(null),
  }),
  event('task.completed', {
    task: z.object(taskRef),
    /** The tree changed with it, and the checks, run right after it, are no worse than at base. */
    verified: z.boolean().default(true),
  }),
  event('task.reopened', {
    task: z.object(taskRef),
    reason: z.string(),
    /** What found it: `no_change`, `checks`, or the rule of an integrity finding. */
    rule: z.string().nullable().default(null),
  }),
  event('lock.denied', { path: z.string(), reason: z.string() }),
  event('lock.violation', { path: z.string(), reason: z.string() }),
  event('learning.recorded', { learning: NewLearning }),
  event('limit', {
    kind: z.enum(['usage', 'overloaded', 'iterations', 'cost', 'time', 'network']),
    message: z.string(),
    until: z.iso.datetime().nullable(),
  }),
  event('verify.finished', { report: VerifyReport }),
  event('stuck.detected', { rule: z.string(), facts: z.array(z.string()) }),
  event('run.finished', {
    exitCode: z.number().int(),
    reason: z.string(),
    until: z.iso.datetime().nullable(),
    headSha: z.string().nullable(),
    usage: Usage,
    report: VerifyReport.nullable(),
  }),
])
export type RalphEvent = z.infer<typeof RalphEvent>
export type RalphEventName = RalphEvent['event']
type Bare<E> = E extends unknown ? Omit<E, 'v' | 'seq' | 'ts' | 'run'> : never
/** An event before the writer gave it its envelope. */
export type RalphEventBody = Bare<RalphEvent>
