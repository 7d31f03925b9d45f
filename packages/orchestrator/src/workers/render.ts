import type { RalphEvent, VerifyReport } from '@factory/shared'

/** One of Ralph's events as a line for people; null for those that say nothing to them. */
export function describeRalphEvent(event: RalphEvent): string | null {
  switch (event.event) {
    case 'run.started':
      return describeStart(event)
    case 'iteration.started':
      return `iteration ${event.iteration}: ${event.kind === 'draft' ? 'writes the spec' : `${event.kind === 'diagnosis' ? 'looks for the cause of ' : ''}${event.task?.text ?? 'the whole'}`}`
    case 'iteration.finished':
      return `iteration ${event.iteration} ${event.isError ? 'failed' : 'ended'} after ${(event.durationMs / 1000).toFixed(1)} s, ${event.commit ? `commit ${event.commit.slice(0, 8)}` : 'no change'}, $${event.usage.costUsd.toFixed(4)}${event.text ? `: ${event.text}` : ''}`
    case 'heartbeat':
      return null
    case 'agent.activity':
      return `${event.parent ? '  ' : ''}${event.summary}`
    case 'task.completed':
      return `done: ${event.task.text}`
    case 'task.reopened':
      return `reopened: ${event.task.text} (${event.reason})`
    case 'lock.denied':
    case 'lock.violation':
      return `${event.event}: ${event.path} (${event.reason})`
    case 'learning.recorded':
      return `learned (${event.learning.kind}): ${event.learning.text}`
    case 'limit':
      return `limit (${event.kind}): ${event.message}${event.until ? `, until ${event.until}` : ''}`
    case 'verify.finished':
      return `verified: ${describeReport(event.report)}`
    case 'stuck.detected':
      return `stuck (${event.rule}): ${event.facts.join('; ')}`
    case 'run.finished':
      return `ended with ${event.exitCode}: ${event.reason}`
    default:
      return event satisfies never
  }
}

function describeStart(event: Extract<RalphEvent, { event: 'run.started' }>): string {
  const checks = event.verify.join(' && ') || 'nothing'
  switch (event.mode) {
    case 'run':
      return `${event.resumed ? 'goes on with' : 'starts'} ${event.tasks.length} tasks, at most ${event.maxIterations} iterations, checked by ${checks}`
    case 'draft':
      return `starts to write the spec, at most ${event.maxIterations} iterations`
    case 'verify':
      return `starts to check base and head with ${checks}`
    default:
      return event.mode satisfies never
  }
}

function describeReport(report: VerifyReport): string {
  const good = report.head.filter((check) => check.exitCode === 0).length
  return `${report.passed ? 'passed' : 'not passed'}, ${good} of ${report.head.length} checks good at head: ${report.reason}`
}
