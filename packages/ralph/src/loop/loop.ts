import { RALPH_EXIT } from '@factory/shared/ralph'
import { begin } from './begin.ts'
import { checkCompletion } from './complete.ts'
import { iterate } from './iterate.ts'
import { Ended, interrupted, type Outcome } from '../outcome.ts'
import type { Place } from '../place.ts'
import { decide, type Decision } from '../progress/decide.ts'
import { elapsedMs, emit, outcome, save, specOf, type RunOptions, type Session } from './session.ts'
import { startOf } from '../progress/state.ts'
import { writeStuck } from './stuck-report.ts'
import type { World } from '../world.ts'

/**
 * The loop: completion is checked first, then whether to go on, then one iteration.
 * @throws Ended when the run cannot begin
 */
export async function runLoop(options: RunOptions, run: string, place: Place, world: World): Promise<Outcome> {
  const session = await begin(options, run, place, world)
  const end = await turn(session).catch((error: unknown): Outcome => {
    if (error instanceof Ended) return outcome(session, { exitCode: error.exitCode, reason: error.message })
    if (world.signal.aborted) return outcome(session, interrupted(world.signal))
    return outcome(session, { exitCode: RALPH_EXIT.internal, reason: error instanceof Error ? error.message : String(error) })
  })
  // Without the outcome: that is written once it was told, so that a run which is killed in between is not taken for ended.
  session.state.current = null
  await save(session)
  return end
}

async function turn(session: Session): Promise<Outcome> {
  for (;;) {
    if (session.world.signal.aborted) return outcome(session, interrupted(session.world.signal))
    let open = specOf(session).tasks.find((task) => !task.done)
    if (!open) {
      const report = await checkCompletion(session)
      if (report.passed) return outcome(session, { exitCode: RALPH_EXIT.verified, reason: report.reason, report })
      open = specOf(session).tasks.find((task) => !task.done)
      if (!open) return outcome(session, { exitCode: RALPH_EXIT.internal, reason: `no task can be opened again after: ${report.reason}`, report })
    }
    const { state, options } = session
    const decision = decide({ iterations: state.iterations, start: startOf(state), since: state.stuckSince, task: open, costUsd: state.usage.costUsd, minutes: elapsedMs(session) / 60_000 }, options.bounds)
    if (decision.do !== 'work') return stop(session, decision)
    const ended = await iterate(session, open, decision.kind)
    if (ended) return ended
  }
}

async function stop(session: Session, decision: Exclude<Decision, { do: 'work' }>): Promise<Outcome> {
  if (decision.do === 'limit') {
    emit(session, { event: 'limit', kind: decision.kind, message: decision.message, until: null })
    return outcome(session, { exitCode: RALPH_EXIT.limit, reason: decision.message })
  }
  await writeStuck(session, decision)
  emit(session, { event: 'stuck.detected', rule: decision.rule, facts: decision.facts })
  return outcome(session, { exitCode: RALPH_EXIT.stuck, reason: decision.facts.join('; ') })
}
