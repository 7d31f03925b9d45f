import type { Spec } from './types.ts'
import type { SpecPlaces } from './places.ts'
import { cannotFail, vagueness } from './vague.ts'

type Found<Code> = {
  code: Code
  /** What is wrong and what to do about it, in one sentence. */
  message: string
  /** What is wrong. */
  what: string
  /** What to do about it. */
  fix: string
  /** From 1; null where the document was not at hand. */
  line: number | null
}

export type SpecProblem = Found<'empty' | 'no_tasks' | 'too_many_tasks' | 'task_too_long'>

export const MAX_TASKS = 500
export const MAX_TASK_LENGTH = 4000

const found = <Code>(code: Code, line: number | null, what: string, fix: string): Found<Code> => ({ code, message: `${what}: ${fix}`, what, fix, line })

/**
 * Why this cannot be worked off; an empty list means it can. Every problem here is a refusal (422).
 * `places` (of the same document) gives the lines.
 */
export function checkSpec(spec: Spec, places: SpecPlaces | null = null): SpecProblem[] {
  const content = spec.title || spec.goal || spec.notes || spec.tasks.length + spec.acceptance.length + spec.verify.length + spec.files.length > 0
  if (!content) {
    const fix = 'write what is to be done as a checklist of tasks ("- [ ] …")'
    return [found('empty', places && (places.hidden?.line ?? 1), 'the spec is empty', places?.hidden ? `there are boxes, but ${HIDDEN[places.hidden.in]}` : fix)]
  }
  if (spec.tasks.length === 0) return [noTasks(places)]
  const problems: SpecProblem[] = []
  if (spec.tasks.length > MAX_TASKS) problems.push(found('too_many_tasks', places?.tasks[MAX_TASKS]?.line ?? null, `the spec has ${spec.tasks.length} tasks; ${MAX_TASKS} are allowed`, 'split it'))
  const long = spec.tasks.findIndex((task) => task.text.length > MAX_TASK_LENGTH)
  const text = spec.tasks[long]?.text
  if (text !== undefined) problems.push(found('task_too_long', places?.tasks[long]?.line ?? null, `a task has ${text.length} characters ("${text.slice(0, 60)}…"); ${MAX_TASK_LENGTH} are allowed`, 'say it shorter and put details under Notes'))
  return problems
}

const HIDDEN = {
  fence: 'they stand in a code fence: take the fence away',
  comment: 'they stand in a comment: take the comment marks away',
  acceptance: 'they stand under the acceptance criteria: put them under "## Tasks"',
} as const

function noTasks(places: SpecPlaces | null): SpecProblem {
  const add = 'add at least one box ("- [ ] …") outside code fences, comments and the acceptance criteria'
  if (places === null) return found('no_tasks', null, 'the spec has no tasks', add)
  return places.hidden ? found('no_tasks', places.hidden.line, 'the spec has no tasks', `there are boxes, but ${HIDDEN[places.hidden.in]}`) : found('no_tasks', places.lines, 'the spec has no tasks', add)
}

export type SpecWarning = Found<'no_title' | 'no_verify' | 'weak_verify' | 'all_done' | 'duplicate_task' | 'nested_task' | 'vague_task' | 'open_fence'>

/** What `ralph spec lint` says besides; none of it stops a run. */
export function adviseSpec(spec: Spec, places: SpecPlaces | null = null): SpecWarning[] {
  const warnings: SpecWarning[] = []
  const lineOf = (index: number): number | null => places?.tasks[index]?.line ?? null
  if (!spec.title) warnings.push(found('no_title', places && 1, 'no title', 'begin with "# What this is about"'))
  if (spec.verify.length === 0) warnings.push(found('no_verify', places && (places.verifyHeading ?? places.lines), 'no verify commands', 'add "## Verify" with a fenced block of commands that must succeed'))
  for (const [index, command] of spec.verify.entries()) {
    const why = cannotFail(command)
    if (why !== null) warnings.push(found('weak_verify', places?.verify[index] ?? null, `\`${command.slice(0, 80)}\` cannot fail, so it proves nothing: it ${why}`, 'name a command that exits with another code than 0 when the work is wrong'))
  }
  if (places?.openFence) warnings.push(found('open_fence', places.openFence, 'a code fence is opened here and never closed; it hides all that follows', 'close it'))
  if (spec.tasks.length > 0 && spec.tasks.every((task) => task.done)) warnings.push(found('all_done', lineOf(0), 'every task is ticked already', 'untick what is still to be done ("- [ ]")'))
  const first = new Map<string, number>()
  for (const [index, task] of spec.tasks.entries()) {
    const [id = task.id] = task.id.split('-')
    const before = first.get(id)
    if (before === undefined) first.set(id, index)
    else warnings.push(found('duplicate_task', lineOf(index), `the same task stands here twice: "${task.text.slice(0, 80)}"`, `${lineOf(before) === null ? '' : `line ${lineOf(before)} has it already: `}take one out, or say how they differ`))
    if (places?.tasks[index]?.nested) warnings.push(found('nested_task', lineOf(index), `a box within a box is a task of its own, and the outer one another: "${task.text.slice(0, 80)}"`, 'make it a plain list item, or the outer one a heading'))
    const vague = vagueness(task.text)
    if (vague) warnings.push(found('vague_task', lineOf(index), vague.message, vague.fix))
  }
  return warnings
}
