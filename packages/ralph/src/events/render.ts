import type { RalphEvent } from '@factory/shared/ralph'
import { safeLine } from './safe.ts'
import { clock, type View } from './view.ts'
import { fitWidth } from './width.ts'

export type Style = {
  color: boolean
  /** Only how it ended. */
  quiet: boolean
  /** The time of day in front. */
  time: boolean
  /** Columns to cut a line to; null: lines stay whole. */
  columns: number | null
}

/**
 * One event as one line for people; null: nothing worth a line. `view` is how things stand with the
 * event. Whatever the event's texts hold, the line has no control characters but our own colours.
 */
export function render(event: RalphEvent, view: View, style: Style): string | null {
  const said = say(event, view)
  if (said === null || (style.quiet && event.event !== 'run.finished')) return null
  const line = safeLine(`${style.time ? `${event.ts.slice(11, 19)} ` : ''}${said.text}`)
  // How it ended is read to its last word.
  const columns = event.event === 'run.finished' || event.event === 'stuck.detected' ? null : style.columns
  const shown = columns === null ? line : fitWidth(line, columns)
  return style.color && said.tone ? `\u001b[${TONES[said.tone]}m${shown}\u001b[0m` : shown
}

const TONES = { good: '32', bad: '31', dim: '2', strong: '1' } as const
type Said = { text: string; tone?: keyof typeof TONES }

function say(event: RalphEvent, view: View): Said | null {
  switch (event.event) {
    case 'run.started':
      return { text: `${event.mode} ${event.run}${event.resumed ? ' (resumed)' : ''}: ${event.tasks.filter((task) => !task.done).length} of ${event.tasks.length} tasks open; verify: ${event.verify.join(', ') || 'nothing'}`, tone: 'strong' }
    case 'iteration.started':
      return { text: `iteration ${event.iteration}${event.kind === 'diagnosis' ? ' (diagnosis)' : ''}: ${event.task?.text ?? event.kind}`, tone: 'strong' }
    case 'iteration.finished':
      return { text: `iteration ${event.iteration} ${event.isError ? 'failed' : 'ended'} after ${clock(event.durationMs)}, $${event.usage.costUsd.toFixed(4)}${event.commit ? `, ${event.commit.slice(0, 10)}` : ', nothing changed'}${ENDED_BY[event.endedBy ?? 'itself']} (so far $${view.costUsd.toFixed(4)}, ${clock(Date.parse(event.ts) - (view.startedMs ?? 0))})` }
    case 'agent.activity':
      return { text: `  ${event.parent ? '  ' : ''}${event.summary}`, tone: 'dim' }
    case 'task.completed':
      return { text: `done: ${event.task.text}`, tone: 'good' }
    case 'task.reopened':
      return { text: `open again: ${event.task.text}: ${event.reason}`, tone: 'bad' }
    case 'lock.denied':
      return { text: `edit refused: ${event.path}: ${event.reason}`, tone: 'bad' }
    case 'lock.violation':
      return { text: `edit undone: ${event.path}: ${event.reason}`, tone: 'bad' }
    case 'learning.recorded':
      return { text: `learned (${event.learning.kind}): ${event.learning.text}` }
    case 'limit':
      return { text: `${event.message}${event.until ? ` (until ${event.until})` : ''}`, tone: 'bad' }
    case 'verify.finished':
      return { text: `verify: ${event.report.passed ? 'passed' : 'not passed'}: ${event.report.reason}`, tone: event.report.passed ? 'good' : 'bad' }
    case 'stuck.detected':
      return { text: `stuck (${event.rule}): ${event.facts.join('; ')}`, tone: 'bad' }
    case 'run.finished':
      return { text: `ended with ${event.exitCode}: ${event.reason} (${event.usage.iterations} iterations, $${event.usage.costUsd.toFixed(4)}, ${clock(Date.parse(event.ts) - (view.startedMs ?? Date.parse(event.ts)))})`, tone: event.exitCode === 0 ? 'good' : 'bad' }
    case 'heartbeat':
      return null
  }
}

const ENDED_BY = { itself: '', silence: ', ended by Ralph: silent', time: ', ended by Ralph: out of time', same_call: ', ended by Ralph: the same call over and over' } as const
