import { taskMarks } from './parse.ts'

/** Ticks (or, with `done` false, unticks) the boxes of these tasks; every other byte stays as it is. */
export function tickTasks(markdown: string, ids: Iterable<string>, done = true): string {
  const wanted = new Set(ids)
  let out = ''
  let from = 0
  for (const task of taskMarks(markdown)) {
    if (!wanted.has(task.id) || task.done === done) continue
    out += markdown.slice(from, task.mark) + (done ? 'x' : ' ')
    from = task.mark + 1
  }
  return out + markdown.slice(from)
}
