export type SpecTask = {
  /** Stable: made from the task's text, so ticking or moving a box keeps it. */
  id: string
  text: string
  done: boolean
}

/** A spec as data. Rendered it is SPEC.md, the checklist that a build run works off. */
export type Spec = {
  title: string
  goal: string
  tasks: SpecTask[]
  acceptance: string[]
  /** Shell commands that must exit 0 before the work counts as done. */
  verify: string[]
  /** Paths likely to be touched. */
  files: string[]
  notes: string
}

/** What a heading announces. */
export type SectionName = 'goal' | 'tasks' | 'acceptance' | 'verify' | 'files' | 'notes'
