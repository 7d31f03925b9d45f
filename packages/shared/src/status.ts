import { z } from 'zod'

export const WORK_STATUSES = [
  'drafting', // the spec is being written
  'awaiting_approval', // a person must allow the spec
  'needs_input', // the factory asked a question; see `question`
  'queued', // waits for a worker; see `waiting`
  'in_progress', // a build run is working on it
  'verifying', // built; the clean room checks it
  'publishing', // verified; the pull request is being opened
  'completed', // the pull request is open
  'failed', // gave up; see `failure`
  'cancelled', // a person stopped it
] as const
export const WorkStatus = z.enum(WORK_STATUSES)
export type WorkStatus = z.infer<typeof WorkStatus>

/** Every allowed move of a work item. The database refuses every other (table `allowed_moves`); a test holds both together. */
export const WORK_TRANSITIONS = {
  drafting: ['awaiting_approval', 'needs_input', 'queued', 'cancelled', 'failed'],
  awaiting_approval: ['queued', 'drafting', 'cancelled'],
  needs_input: ['drafting', 'queued', 'cancelled', 'failed'],
  queued: ['in_progress', 'drafting', 'cancelled', 'failed'],
  in_progress: ['verifying', 'queued', 'needs_input', 'failed', 'cancelled'],
  verifying: ['publishing', 'queued', 'failed', 'cancelled'],
  publishing: ['completed', 'failed', 'cancelled'],
  completed: [],
  failed: ['queued', 'drafting', 'publishing'],
  cancelled: ['queued', 'drafting'],
} as const satisfies Record<WorkStatus, readonly WorkStatus[]>

/** States in which nothing happens until a person acts. */
export const TERMINAL_WORK_STATUSES = ['completed', 'failed', 'cancelled'] as const satisfies readonly WorkStatus[]
/** States whose items admission may give a run. */
export const ADMISSIBLE_WORK_STATUSES = ['drafting', 'queued', 'verifying'] as const satisfies readonly WorkStatus[]

export function isTerminalWork(status: WorkStatus): boolean {
  return (TERMINAL_WORK_STATUSES as readonly WorkStatus[]).includes(status)
}

export const RUN_KINDS = ['spec', 'build', 'verify'] as const
export const RunKind = z.enum(RUN_KINDS)
export type RunKind = z.infer<typeof RunKind>

export const RUN_STATUSES = ['starting', 'running', 'succeeded', 'failed', 'stuck', 'paused', 'cancelled', 'lost'] as const
export const RunStatus = z.enum(RUN_STATUSES)
export type RunStatus = z.infer<typeof RunStatus>

export const RUN_TRANSITIONS = {
  starting: ['running', 'failed', 'cancelled', 'lost'],
  running: ['succeeded', 'failed', 'stuck', 'paused', 'cancelled', 'lost'],
  succeeded: [],
  failed: [],
  stuck: [],
  paused: [],
  cancelled: [],
  lost: [],
} as const satisfies Record<RunStatus, readonly RunStatus[]>

export const LIVE_RUN_STATUSES = ['starting', 'running'] as const satisfies readonly RunStatus[]
export function isLiveRun(status: RunStatus): boolean {
  return (LIVE_RUN_STATUSES as readonly RunStatus[]).includes(status)
}

/** What is to be done to the outside world. Work that is published anew points a finished effect at newer work. */
export const EFFECT_TRANSITIONS = {
  pending: ['done', 'failed'],
  done: ['pending'],
  failed: ['pending'],
} as const satisfies Record<'pending' | 'done' | 'failed', readonly ('pending' | 'done' | 'failed')[]>

export const ACCOUNT_STATES = ['open', 'paused', 'probing'] as const
export type AccountState = (typeof ACCOUNT_STATES)[number]

/** An account of the model. Paused: its limit is reached, until a time. Probing: that time is over, and one run, the canary, tries whether the model answers. */
export const ACCOUNT_TRANSITIONS = {
  open: ['paused'],
  paused: ['probing'],
  probing: ['paused', 'open'],
} as const satisfies Record<AccountState, readonly AccountState[]>

export const PRIORITIES = ['critical', 'high', 'medium', 'low'] as const
export const Priority = z.enum(PRIORITIES)
export type Priority = z.infer<typeof Priority>

/** Smaller goes first. The same numbers stand in the database function `admit`. */
export const PRIORITY_RANK = { critical: 0, high: 1, medium: 2, low: 3 } as const satisfies Record<Priority, number>
