import type { RalphEvent } from '@factory/shared'

/** The rules that acted in a run, in their order. */
export function rulesIn(events: readonly RalphEvent[]): string[] {
  return events.flatMap((event) => {
    switch (event.event) {
      case 'agent.activity':
        return event.rule ?? []
      case 'iteration.finished':
        return event.endedBy ?? []
      case 'task.reopened':
        return event.rule ?? []
      case 'stuck.detected':
        return event.rule
      case 'limit':
        return `limit:${event.kind}`
      default:
        return []
    }
  })
}
