import type { Spec } from './types.ts'

export type SpecProblem = { code: 'empty' | 'no_tasks' | 'too_many_tasks' | 'task_too_long'; message: string }

export const MAX_TASKS = 500
export const MAX_TASK_LENGTH = 4000

/** Why this cannot be worked off; an empty list means it can. Every problem here is a refusal (422). */
export function checkSpec(spec: Spec): SpecProblem[] {
  const content = spec.title || spec.goal || spec.notes || spec.tasks.length + spec.acceptance.length + spec.verify.length + spec.files.length > 0
  if (!content) return [{ code: 'empty', message: 'the spec is empty: write what is to be done as a checklist of tasks ("- [ ] …")' }]
  if (spec.tasks.length === 0) {
    return [{ code: 'no_tasks', message: 'the spec has no tasks: add at least one box ("- [ ] …") outside code fences, comments and the acceptance criteria' }]
  }
  const problems: SpecProblem[] = []
  if (spec.tasks.length > MAX_TASKS) problems.push({ code: 'too_many_tasks', message: `the spec has ${spec.tasks.length} tasks; ${MAX_TASKS} are allowed: split it` })
  const long = spec.tasks.find((task) => task.text.length > MAX_TASK_LENGTH)
  if (long) problems.push({ code: 'task_too_long', message: `a task has ${long.text.length} characters ("${long.text.slice(0, 60)}…"); ${MAX_TASK_LENGTH} are allowed: say it shorter and put details under Notes` })
  return problems
}

export type SpecWarning = { code: 'no_title' | 'no_verify' | 'all_done' | 'duplicate_task' | 'vague_task'; message: string }

/** What `ralph spec lint` says besides; none of it stops a run. */
export function adviseSpec(spec: Spec): SpecWarning[] {
  const warnings: SpecWarning[] = []
  if (!spec.title) warnings.push({ code: 'no_title', message: 'no title: begin with "# What this is about"' })
  if (spec.verify.length === 0) warnings.push({ code: 'no_verify', message: 'no verify commands: add "## Verify" with a fenced block of commands that must succeed' })
  if (spec.tasks.length > 0 && spec.tasks.every((task) => task.done)) warnings.push({ code: 'all_done', message: 'every task is ticked already' })
  for (const task of spec.tasks) {
    if (task.id.includes('-')) warnings.push({ code: 'duplicate_task', message: `the same task stands here twice: "${task.text.slice(0, 80)}"` })
    if (task.text.length < 8) warnings.push({ code: 'vague_task', message: `too short to be checked: "${task.text}"` })
  }
  return warnings
}
