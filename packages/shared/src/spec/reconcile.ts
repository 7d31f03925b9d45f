import { parseSpec } from './parse.ts'
import { tickTasks } from './tick.ts'
import type { SpecTask } from './types.ts'

export type Reconciled = {
  /** What SPEC.md has to say now. */
  markdown: string
  /** Tasks that the agent ticked. */
  ticked: SpecTask[]
  /** The agent changed something else, which is undone. */
  tampered: boolean
}

/**
 * Holds what the agent left in SPEC.md against what stood there before it: boxes may be ticked, and
 * that is all. A spec that is gone or reworded comes back as it was.
 */
export function reconcileSpec(before: string, found: string | null): Reconciled {
  const was = parseSpec(before)
  const done = found === null ? [] : parseSpec(found).tasks.filter((task) => task.done)
  // "~~write it~~ (done)" is meant as a tick of "write it": the words are kept, whatever was put around them.
  const means = (task: SpecTask, other: SpecTask): boolean => other.id === task.id || (letters(task.text) !== '' && `${letters(other.text)} `.startsWith(`${letters(task.text)} `))
  const ticked = was.tasks.filter((task) => !task.done && done.some((other) => means(task, other) && !was.tasks.some((rival) => rival.id !== task.id && rival.id === other.id)))
  const markdown = tickTasks(before, ticked.map((task) => task.id))
  return { markdown, ticked, tampered: found === null || found !== markdown && normal(found) !== normal(markdown) }
}

const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim()

/** Line ends and the case of the mark are no edits worth a word. */
const normal = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/\[X\]/g, '[x]').trimEnd()
