import type { RalphEvent } from '@factory/shared'

export type Style = { color: boolean; quiet: boolean; time: boolean }

/** One event for people; null: nothing worth a line. */
export function render(event: RalphEvent, style: Style): string | null {
  const said = say(event)
  if (said === null || (style.quiet && event.event !== 'run.finished')) return null
  const time = style.time ? `${event.ts.slice(11, 19)} ` : ''
  const line = `${time}${said.text}`
  return style.color && said.tone ? `\u001b[${TONES[said.tone]}m${line}\u001b[0m` : line
}

const TONES = { good: '32', bad: '31', dim: '2', strong: '1' } as const
type Said = { text: string; tone?: keyof typeof TONES }

function say(event: RalphEvent): Said | null {
  switch (event.event) {
    case 'run.started':
      return { text: `${event.mode} ${event.run}${event.resumed ? ' (resumed)' : ''}: ${event.tasks.filter((task) => !task.done).length} of ${event.tasks.length} tasks open; verify: ${event.verify.join(', ') || 'nothing'}`, tone: 'strong' }
    case 'iteration.started':
      return { text: `iteration ${event.iteration}: ${event.task?.text ?? event.kind}`, tone: 'strong' }
    case 'iteration.finished':
      return { text: `iteration ${event.iteration} ${event.isError ? 'failed' : 'ended'} after ${seconds(event.durationMs)}, $${event.usage.costUsd.toFixed(4)}${event.commit ? `, ${event.commit.slice(0, 10)}` : ', nothing changed'}` }
    case 'agent.activity':
      return { text: `  ${event.parent ? '  ' : ''}${event.summary}`, tone: 'dim' }
    case 'task.completed':
      return { text: `done: ${event.task.text}`, tone: 'good' }
    case 'task.reopened':
      return { text: `open again: ${event.task.text}: ${event.reason}`, tone: 'bad' }
    case 'lock.denied':
    case 'lock.violation':
      return { text: `${event.path}: ${event.reason}`, tone: 'bad' }
    case 'learning.recorded':
      return { text: `learned (${event.learning.kind}): ${event.learning.text}` }
    case 'limit':
      return { text: `${event.message}${event.until ? ` (until ${event.until})` : ''}`, tone: 'bad' }
    case 'verify.finished':
      return { text: `verify: ${event.report.passed ? 'passed' : 'not passed'}: ${event.report.reason}`, tone: event.report.passed ? 'good' : 'bad' }
    case 'stuck.detected':
      return { text: `stuck (${event.rule}): ${event.facts.join('; ')}`, tone: 'bad' }
    case 'run.finished':
      return { text: `ended with ${event.exitCode}: ${event.reason} (${event.usage.iterations} iterations, $${event.usage.costUsd.toFixed(4)})`, tone: event.exitCode === 0 ? 'good' : 'bad' }
    case 'heartbeat':
      return null
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
