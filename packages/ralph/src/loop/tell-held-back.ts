import { sayHeldBack, type HeldBack } from '../git/held-back.ts'
import { emit, type Session } from './session.ts'

/** Tells people, once a path, what lies in the tree and is in no commit; returns the words for the next prompt. */
export function tellHeldBack(session: Session, iteration: number, held: readonly HeldBack[]): string[] {
  const lines = sayHeldBack(held.filter(({ path }) => !session.heldBack.has(path)))
  for (const { path } of held) session.heldBack.add(path)
  for (const summary of lines) emit(session, { event: 'agent.activity', iteration, kind: 'system', summary, tool: null, parent: null, rule: 'held_back' })
  return lines
}
