import type { RalphEvent } from '@factory/shared/ralph'
import { fitWidth, widthOf } from './width.ts'
import { safeLine } from './safe.ts'

/** What a person wants to know of a run at any moment; made from its events alone. */
export type View = {
  task: string | null
  doing: string
  iteration: number
  maxIterations: number
  /** Over the whole life of the run. */
  costUsd: number
  /** Epoch milliseconds from which the time of the run counts; null before the first event. */
  startedMs: number | null
}

/** A run that goes on has spent money and time before. */
export type Before = { costUsd: number; elapsedMs: number }

export const startView = (before: Before): View => ({ task: null, doing: 'starting', iteration: 0, maxIterations: 0, costUsd: before.costUsd, startedMs: null })

/** The view after one more event. Pure. */
export function see(view: View, event: RalphEvent, before: Before): View {
  const next = { ...view, startedMs: view.startedMs ?? Date.parse(event.ts) - before.elapsedMs }
  switch (event.event) {
    case 'run.started':
      return { ...next, maxIterations: event.maxIterations, doing: event.mode === 'draft' ? 'reading' : 'checking the base', task: event.tasks.find((task) => !task.done)?.text ?? null }
    case 'iteration.started':
      return { ...next, iteration: event.iteration, task: event.task?.text ?? (event.kind === 'draft' ? 'write the spec' : next.task), doing: event.kind === 'diagnosis' ? 'diagnosing' : 'thinking' }
    case 'agent.activity':
      if (event.kind === 'tool') return { ...next, doing: event.summary }
      return event.kind === 'text' ? { ...next, doing: 'thinking' } : next
    case 'iteration.finished':
      return { ...next, costUsd: next.costUsd + event.usage.costUsd, doing: 'checking' }
    case 'limit':
      return event.until === null ? next : { ...next, doing: `waiting until ${event.until.slice(11, 16)} UTC` }
    case 'run.finished':
      return { ...next, costUsd: Math.max(next.costUsd, event.usage.costUsd), doing: 'ended' }
    default:
      return next
  }
}

/** One line of at most so many columns: task · tool · iteration n/max · $ · mm:ss. */
export function statusLine(view: View, nowMs: number, columns: number): string {
  const turns = view.maxIterations > 0 ? `iteration ${view.iteration}/${view.maxIterations}` : null
  const end = [turns, `$${view.costUsd.toFixed(2)}`, clock(nowMs - (view.startedMs ?? nowMs))].filter((part) => part !== null).join(' · ')
  const doing = safeLine(view.doing)
  const room = columns - widthOf(end) - 3
  if (room < 10) return fitWidth(end, columns)
  if (view.task === null) return `${fitWidth(doing, room)} · ${end}`
  const task = safeLine(view.task)
  const forTask = Math.max(Math.floor((room - 3) / 2), room - 3 - widthOf(doing))
  const shown = fitWidth(task, forTask)
  return `${shown} · ${fitWidth(doing, room - 3 - widthOf(shown))} · ${end}`
}

/** 65 s is "01:05", an hour more "1:01:05". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  return `${hours > 0 ? `${hours}:` : ''}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}
