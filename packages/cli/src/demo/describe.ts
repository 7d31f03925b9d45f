import { z } from 'zod'
import type { FactoryEvent } from '@factory/shared'
import { visibleLine } from '../terminal/visible.ts'

const STATE: Record<string, string> = {
  queued: 'the spec is ready; the item waits for a worker',
  in_progress: 'a worker takes it up',
  verifying: 'built; now checked in a clean room',
  publishing: 'verified; the pull request is being opened',
  completed: 'done',
  failed: 'failed',
  needs_input: 'a question for a person',
  cancelled: 'cancelled',
}
const text = (event: FactoryEvent, field: string) => visibleLine(z.coerce.string().catch('').parse(event.data[field]))

/** What an event tells somebody who watches; null for those that only matter to the books. */
export function describeEvent(event: FactoryEvent): string | null {
  switch (event.type) {
    case 'work.created':
      return `intake made work item ${event.itemId}: ${text(event, 'status') === 'drafting' ? 'no checklist, so Claude writes the spec first' : 'its checklist is the spec'}`
    case 'work.status':
      return STATE[text(event, 'to')] ?? text(event, 'to')
    case 'run.admitted':
      return `${text(event, 'kind')} run ${event.runId} admitted (fencing token ${text(event, 'token')})`
    case 'run.registered':
      return `its worker is up`
    case 'work.environment': {
      const commands = z.object({ source: z.string(), setup: z.array(z.string()), verify: z.array(z.string()), required: z.array(z.string()).default([]) }).safeParse(event.data)
      return commands.success ? `${commands.data.source.replace('_', ' ')}: setup ${list(commands.data.setup)}, verify ${list([...commands.data.verify, ...commands.data.required])}` : null
    }
    case 'run.finished': {
      const outcome = z.object({ message: z.string() }).safeParse(event.data['outcome'])
      return `${text(event, 'kind')} run ${text(event, 'status')}${outcome.success && outcome.data.message !== 'done' ? `: ${visibleLine(outcome.data.message).slice(0, 160)}` : ''}`
    }
    case 'learning.saved':
      return 'learned something for the next run'
    case 'effect.done':
      return `pull request #${text(event, 'number')} is open: ${text(event, 'url')}`
    case 'effect.failed':
      return `the pull request was not opened: ${text(event, 'message')}`
    case 'decision':
      return `decided: ${text(event, 'decision')} (${text(event, 'reason')})`
    case 'account.paused':
      return `paused until ${text(event, 'until')}: ${text(event, 'reason')}`
    case 'account.opened':
      return 'the model answers again: the pause of the account has ended'
    case 'account.probed':
      return `run ${event.runId} tries whether the model answers again`
    case 'limits.changed':
      return 'limits were changed'
    case 'work.noted':
    case 'work.edited':
    case 'run.iteration':
    case 'run.verified':
    case 'lock.acquired':
    case 'lock.denied':
    case 'lock.released':
    case 'effect.recorded':
    case 'work.snapshot':
    case 'factory.restored':
      return null
    default:
      return event.type satisfies never
  }
}

const list = (commands: readonly string[]) => (commands.length === 0 ? 'nothing' : commands.map((command) => `\`${visibleLine(command)}\``).join(', '))
