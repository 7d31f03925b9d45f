import { parseSpec, RALPH_EXIT, tickTasks } from '@factory/shared'
import { readFile, stat } from 'node:fs/promises'
import { reconcile } from './boxes.ts'
import { isAbandoned } from './lock.ts'
import { loadRun } from './recover.ts'

/** Ends after which the same run can go on: limits, pauses, interruptions. Not done, and not stuck. */
const GOES_ON: readonly number[] = [RALPH_EXIT.limit, RALPH_EXIT.paused, RALPH_EXIT.auth, RALPH_EXIT.internal, RALPH_EXIT.interrupted, RALPH_EXIT.terminated]

/** A run that lives says something at least this often: its heartbeat. */
const QUIET_MS = 15_000

/**
 * The run that was left here and goes on when none is named: one that was killed, or ended so that it
 * can go on, and whose spec is still the one it was for. null: begin a new one. One that was killed
 * after it wrote its end may not have told anybody: it goes on, and comes to its end again by the same
 * checks, whatever the file says.
 */
export async function findUnfinished(files: { state: string; events: string; lock: string }, specFile: string): Promise<string | null> {
  const left = await loadRun(files)
  if (left === null) return null
  const { state } = left
  const ended = left.ended && !(await isAbandoned(files.lock))
  if (ended && state.outcome !== null && !GOES_ON.includes(state.outcome.exitCode)) return null
  const found = await readFile(specFile, 'utf8').catch(() => null)
  if (ended) return found !== null && reconcile(state.spec, found).tampered ? null : state.run
  // Killed between two steps: a box can be open here and closed there, or the other way round.
  if (found === null || !reconcile(opened(state.spec), found).tampered) return state.run
  return (await isOlder(specFile, files.events)) ? state.run : null
}

const opened = (markdown: string): string => tickTasks(markdown, parseSpec(markdown).tasks.map((task) => task.id), false)

/**
 * Whether the spec was last written while the run lived. Then its agent did it, perhaps half: the run
 * goes on with its own. Later it was a person, who wants something else.
 */
async function isOlder(specFile: string, events: string): Promise<boolean> {
  const [spec, last] = await Promise.all([stat(specFile), stat(events).catch(() => null)])
  return last !== null && spec.mtimeMs <= last.mtimeMs + QUIET_MS
}
