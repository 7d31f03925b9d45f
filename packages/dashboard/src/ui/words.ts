import type { FactoryEvent, Priority, RunKind, RunStatus, Waiting, WorkStatus } from '@factory/shared'
import type { IconName } from './icon.tsx'

/** How a state looks: a word and an icon carry it, the colour only helps. */
export type Look = { word: string; icon: IconName; color: string }

export const WORK_LOOK = {
  drafting: { word: 'Writing the spec', icon: 'pen', color: 'blue' },
  awaiting_approval: { word: 'Needs approval', icon: 'hand', color: 'yellow' },
  needs_input: { word: 'Needs an answer', icon: 'question', color: 'yellow' },
  queued: { word: 'Queued', icon: 'clock', color: 'gray' },
  in_progress: { word: 'Working', icon: 'play', color: 'blue' },
  verifying: { word: 'Verifying', icon: 'search', color: 'blue' },
  publishing: { word: 'Opening the PR', icon: 'up', color: 'blue' },
  completed: { word: 'PR open', icon: 'check', color: 'green' },
  failed: { word: 'Failed', icon: 'cross', color: 'red' },
  cancelled: { word: 'Cancelled', icon: 'stop', color: 'gray' },
} as const satisfies Record<WorkStatus, Look>

export const RUN_LOOK = {
  starting: { word: 'Starting', icon: 'clock', color: 'gray' },
  running: { word: 'Running', icon: 'play', color: 'blue' },
  succeeded: { word: 'Succeeded', icon: 'check', color: 'green' },
  failed: { word: 'Failed', icon: 'cross', color: 'red' },
  stuck: { word: 'Stuck', icon: 'question', color: 'yellow' },
  paused: { word: 'Paused', icon: 'pause', color: 'yellow' },
  cancelled: { word: 'Cancelled', icon: 'stop', color: 'gray' },
  lost: { word: 'Lost', icon: 'question', color: 'gray' },
} as const satisfies Record<RunStatus, Look>

export const PRIORITY_LOOK = {
  critical: { word: 'Critical', icon: 'up2', color: 'red' },
  high: { word: 'High', icon: 'up', color: 'orange' },
  medium: { word: 'Medium', icon: 'dash', color: 'gray' },
  low: { word: 'Low', icon: 'down', color: 'gray' },
} as const satisfies Record<Priority, Look>

export const KIND_WORD = { spec: 'Writing the spec', build: 'Building', verify: 'Verifying in a clean room' } as const satisfies Record<RunKind, string>

export const WAIT_WORD = {
  worker_slot: 'Waits for a free worker',
  repository_slot: 'Waits for a free worker of its repository',
  cooldown: 'Waits for the cooldown between two starts',
  daily_budget: "Today's iterations are used up",
  usage_limit: 'Waits for the usage limit of the model account',
  retry_backoff: 'Waits before the next attempt',
  file_conflict: 'Waits for files that another run holds',
  engine_unavailable: 'The container engine does not answer',
} as const satisfies Record<Waiting['code'], string>

const EVENT_WORD = {
  'work.created': 'Asked for',
  'work.edited': 'Edited',
  'work.status': 'State',
  'work.environment': 'Setup and checks found',
  'run.admitted': 'Run admitted',
  'run.registered': 'Worker reported in',
  'run.iteration': 'Iteration finished',
  'run.finished': 'Run ended',
  'run.verified': 'Checked in a clean room',
  decision: 'Decision',
  'lock.acquired': 'Files locked',
  'lock.denied': 'Files held by another run',
  'lock.released': 'Files released',
  'effect.recorded': 'To be done outside',
  'effect.done': 'Done outside',
  'effect.failed': 'Could not be done outside',
  'learning.saved': 'Learning saved',
  'account.paused': 'Account paused',
  'account.probed': 'Account tried again',
  'account.opened': 'Account open again',
  'limits.changed': 'Limits changed',
  'work.noted': 'Noted',
  'work.snapshot': 'Earlier events removed',
  'factory.restored': 'Restored from a backup',
} as const satisfies Record<FactoryEvent['type'], string>

/** An event as one line: what happened, then its own facts. Facts are data from elsewhere and only ever text. */
export function eventSentence(event: Pick<FactoryEvent, 'type' | 'data'>): { what: string; facts: string } {
  const { data } = event
  const text = (key: string): string | null => {
    const value = data[key]
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
  }
  const joined = (...parts: (string | null)[]) => parts.filter(Boolean).join(' · ')
  const what = EVENT_WORD[event.type]
  switch (event.type) {
    case 'work.status': {
      const from = text('from')
      return { what, facts: joined(`${from ? `${statusWord(from)} → ` : ''}${statusWord(text('to') ?? '?')}`, text('reason')) }
    }
    case 'run.verified':
      return { what, facts: joined(text('passed') === 'true' ? 'passed' : 'not passed', text('reason')) }
    case 'run.iteration':
      return { what, facts: joined(text('iteration') && `number ${text('iteration')}`, text('commit')?.slice(0, 10) ?? null) }
    case 'run.finished':
      return { what, facts: joined(text('status'), outcomeMessage(data['outcome'])) }
    default:
      return {
        what,
        facts: Object.entries(data)
          .filter(([, value]) => typeof value !== 'object')
          .map(([key, value]) => (key === 'reason' || key === 'decision' ? String(value) : `${key} ${String(value)}`))
          .join(' · ')
          .slice(0, 500),
      }
  }
}

function statusWord(status: string): string {
  const look = Object.entries(WORK_LOOK).find(([key]) => key === status)
  return look ? look[1].word : status
}

function outcomeMessage(outcome: unknown): string | null {
  if (typeof outcome !== 'object' || outcome === null || !('message' in outcome)) return null
  return typeof outcome.message === 'string' ? outcome.message.slice(0, 500) : null
}
