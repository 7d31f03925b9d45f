import type { BeforeEdit } from '../agents/agent.ts'
import type { Emit } from '../events/writer.ts'
import type { Ask } from './ask.ts'
import { targetOf, type Ground } from './path.ts'

/** The question before each edit of the agent's own tools, with an event for each refusal. */
export function createBeforeEdit({ ground, ask, emit }: { ground: Ground; ask: Ask; emit: Emit }): BeforeEdit {
  const refuse = (path: string, reason: string, advice: string): string => {
    emit({ event: 'lock.denied', path, reason })
    return `${path} may not be edited now: ${reason}. ${advice}`
  }
  return async (absolute) => {
    try {
      const target = await targetOf(ground, absolute)
      if (target.kind === 'free') return null
      if (target.kind === 'never') return refuse(absolute, target.reason, 'Leave it as it is.')
      const answer = await ask(target.path)
      if (answer.kind === 'granted') return null
      if (answer.kind === 'held') return refuse(target.path, answer.reason, 'Somebody else is at work on it: leave it as it is, a change made by other means would be undone. Do what can be done without it.')
      return refuse(target.path, `its lock cannot be asked for: ${answer.reason}`, 'Try again once; if that fails, too, stop.')
    } catch (error) {
      return refuse(absolute, `its lock cannot be asked for: ${error instanceof Error ? error.message : String(error)}`, 'Stop.')
    }
  }
}
