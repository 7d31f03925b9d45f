import { RALPH_EXIT, reconcileSpec } from '@factory/shared/ralph'
import { editedSince } from '../loop/edited-since.ts'
import { readOwn } from '../files.ts'
import { allOpen } from '../loop/take-up.ts'
import { loadState } from '../progress/state.ts'

/**
 * Ends after which the same run is taken up. Stuck, because the work so far must not become what it is measured
 * against; verified, because it then says so again, where a new run would find a finished checklist and no diff.
 */
const GOES_ON: readonly number[] = [RALPH_EXIT.verified, RALPH_EXIT.stuck, RALPH_EXIT.lockConflict, RALPH_EXIT.limit, RALPH_EXIT.paused, RALPH_EXIT.auth, RALPH_EXIT.internal, RALPH_EXIT.interrupted, RALPH_EXIT.terminated]

/** The run that was left here, when the spec is still the one it was for. */
export async function unfinishedRun(files: { state: string; events: string }, spec: string): Promise<string | null> {
  const state = await loadState(files.state)
  if (state === null || (state.outcome !== null && !GOES_ON.includes(state.outcome.exitCode))) return null
  const found = await readOwn(spec)
  if (found === null || !reconcileSpec(allOpen(state.spec), found).tampered) return state.run
  // Killed in the middle of an iteration: an edit of the checklist is the agent's, and no reason to begin anew with it.
  return state.current !== null && !(await editedSince(spec, files.events)) ? state.run : null
}
