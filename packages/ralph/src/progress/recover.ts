import { RalphEvent, tickTasks } from '@factory/shared'
import { readFile } from 'node:fs/promises'
import { addUsage } from '../outcome.ts'
import { loadState, type RunState } from './state.ts'

/** What of events.jsonl tells where a run stands. */
const TELLING: ReadonlySet<string> = new Set(['run.started', 'iteration.started', 'iteration.finished', 'task.completed', 'task.reopened', 'learning.recorded', 'heartbeat', 'run.finished'])

/** A run as it was left: what its state says, and what its events say beyond it. */
export type Left = {
  state: RunState
  /** It said `run.finished` and was not taken up since. False: it was killed. */
  ended: boolean
}

/** The run that was left here, or null when there is none that can be read. */
export async function loadRun(files: { state: string; events: string }): Promise<Left | null> {
  const state = await loadState(files.state)
  return state === null ? null : recover(state, await readTelling(files.events, state.run))
}

/**
 * A run that is killed between an event and the save of its state is found a step behind what it said.
 * An iteration counts when its `iteration.finished` reached the file: its usage, its commit and the
 * boxes that were closed or opened after it are taken from there, and so is the time, to the last
 * heartbeat. An outcome that was decided but never said is none. Pure.
 */
export function recover(state: RunState, events: readonly RalphEvent[]): Left {
  const next: RunState = { ...state, iterations: [...state.iterations], trees: [...state.trees], learnings: [...state.learnings] }
  const tasks = new Map<number, string>()
  let ended = events.length === 0 && state.outcome !== null
  let beyond = false
  const time = { lives: 0, life: 0 }
  for (const event of events) {
    switch (event.event) {
      case 'run.started':
        ended = false
        break
      case 'run.finished':
        ended = true
        break
      case 'iteration.started':
        tasks.set(event.iteration, event.task?.id ?? '')
        break
      case 'iteration.finished': {
        if (event.iteration <= next.iterations.length) break
        beyond = true
        const newTree = event.tree !== null && !next.trees.includes(event.tree)
        next.iterations.push({ task: tasks.get(event.iteration) ?? '', newTree, progress: false, failure: null })
        if (newTree && event.tree !== null) next.trees.push(event.tree)
        next.usage = addUsage(next.usage, event.usage)
        next.head = event.commit ?? next.head
        break
      }
      case 'task.completed': {
        if (!beyond) break
        next.spec = tickTasks(next.spec, [event.task.id])
        next.lastTicked = event.task.id
        next.evidence = []
        const last = next.iterations.at(-1)
        if (last) last.progress = true
        break
      }
      case 'task.reopened':
        if (!beyond) break
        next.spec = tickTasks(next.spec, [event.task.id], false)
        next.evidence = [event.reason]
        break
      case 'learning.recorded':
        if (!next.learnings.some((known) => known.kind === event.learning.kind && known.text === event.learning.text)) next.learnings.push(event.learning)
        break
      case 'heartbeat':
        // It counts from the start of its own life.
        if (event.elapsedMs < time.life) time.lives += time.life
        time.life = event.elapsedMs
        break
      default:
        break
    }
  }
  const elapsedMs = Math.max(next.elapsedMs, time.lives + time.life)
  return { state: { ...next, elapsedMs, outcome: ended ? next.outcome : null }, ended }
}

/** The telling events of one run; lines that cannot be read are passed over. */
async function readTelling(file: string, run: string): Promise<RalphEvent[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const found: RalphEvent[] = []
  for (const line of text.split('\n')) {
    const event = TELLING.has(nameOf(line)) ? parse(line) : null
    if (event?.run === run) found.push(event)
  }
  return found
}

/** Good enough to leave most lines unparsed; the schema has the last word. */
const nameOf = (line: string): string => /"event":"([a-z.]+)"/.exec(line)?.[1] ?? ''

function parse(line: string): RalphEvent | null {
  try {
    const event = RalphEvent.safeParse(JSON.parse(line))
    return event.success ? event.data : null
  } catch {
    return null
  }
}
