import { parseSpec, type RalphEventBody, type Spec, type VerifyReport } from '@factory/shared/ralph'
import { dirname, join } from 'node:path'
import { writeOwn } from '../files.ts'
import type { Locks } from '../locks/open.ts'
import type { Outcome } from '../outcome.ts'
import { filesIn, type Place } from '../place.ts'
import type { Bounds } from '../progress/decide.ts'
import type { IterationFact } from '../progress/facts.ts'
import type { Guidance } from '../prompt/prompt.ts'
import { saveState, type RunState } from '../progress/state.ts'
import type { World } from '../world.ts'

export type RunOptions = {
  dir: string
  spec: string
  /** null: one is made up, or that of the run that was left here. */
  run: string | null
  /** A commit; null: HEAD at the start. */
  base: string | null
  model: string | null
  bounds: Bounds
  iterationMs: number
  setup: readonly string[]
  /** Empty: the spec's own. */
  verify: readonly string[]
  /** Must succeed at the end whatever they did at base; the spec's own commands are, where neither these nor `verify` name any. */
  require: readonly string[]
  verifyMs: number
  /** A repository without any check counts as done by its boxes and its diff. */
  allowUnchecked: boolean
  /** The checks run when all boxes are ticked, and not after each iteration. */
  checksAtEnd: boolean
  learnings: string | null
  previous: string | null
  /** The caller's command that is asked for the lock of a file; null: there are no locks. */
  beforeEdit: string | null
}

/** A run in progress. `state` is what is on disk; the rest can be had again. */
export type Session = {
  options: RunOptions
  world: World
  place: Place
  state: RunState
  guidance: Guidance[]
  /** null: nobody needs to be asked before an edit. */
  locks: Locks | null
  startedMs: number
  /** Reports by commit: the same commit is not measured twice. */
  reports: Map<string, VerifyReport>
  /** Paths that were said to be in no commit: each is told once. */
  heldBack: Set<string>
}

export const specOf = (session: Pick<Session, 'state'>): Spec => parseSpec(session.state.spec)
export const elapsedMs = (session: Session): number => session.state.elapsedMs + session.world.now() - session.startedMs
export const emit = (session: Session, body: RalphEventBody): void => session.world.emit(body)

/** Writes the state, with the time that was used. */
export async function save(session: Session): Promise<void> {
  await saveState(filesIn(session.place.ai).state, { ...session.state, elapsedMs: elapsedMs(session) })
}

/**
 * Saves the state, then tells what it holds. A run that is killed in between tells the rest when it is
 * taken up: nothing is told that is not kept, and nothing is told twice.
 */
export async function tell(session: Session, events: readonly RalphEventBody[]): Promise<void> {
  const { state, world } = session
  // A heartbeat in between would take the number by which it is known what was told.
  await world.withoutHeartbeat(async () => {
    state.untold = { seq: world.nextSeq(), events: [...events] }
    await save(session)
    for (const event of events) emit(session, event)
  })
  state.untold = null
}

/** Corrects what is known of the last iteration. */
export function amend({ state }: Session, more: Partial<IterationFact>): void {
  const last = state.iterations.pop()
  if (last) state.iterations.push({ ...last, ...more })
}

/** Makes this text SPEC.md, on disk and in the state. */
export async function setSpec(session: Session, markdown: string): Promise<void> {
  session.state.spec = markdown
  // Not beside it: what a kill leaves there would be taken for work.
  await writeOwn(session.place.spec, markdown, { temporary: join(dirname(filesIn(session.place.ai).state), `spec.${process.pid}.tmp`) })
}

export function outcome(session: Session, ending: Pick<Outcome, 'exitCode' | 'reason'> & { until?: string | null; report?: VerifyReport | null }): Outcome {
  return { until: null, report: session.reports.get(session.state.head) ?? null, headSha: session.state.head, usage: session.state.usage, ...ending }
}
