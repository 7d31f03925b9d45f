import type { Spec, SpecTask } from '@factory/shared/ralph'
import { OUTLINE, TASK_LINE_TOKENS } from './budget.ts'
import { fitParts, guard, listing, type Part } from './part.ts'
import { estimateTokens, keepStart } from './tokens.ts'

/** The spec in short: what it is for, where it stands, what it must meet. At most so many tokens. */
export function outline(spec: Spec, task: SpecTask, tokens: number): string {
  const title = keepStart(guard(spec.title || 'Untitled'), Math.min(TASK_LINE_TOKENS, tokens), '…')
  const item = (text: string): string => `- ${text}`
  const part = fitParts(
    tokens - estimateTokens(title),
    {
      goal: prose('\n\n', spec.goal),
      tasks: tasks(spec.tasks, task),
      acceptance: listing({ before: '\n\nAcceptance criteria:\n', items: spec.acceptance, item, between: '\n' }),
      files: listing({ before: '\n\nLikely files:\n', items: spec.files, item, between: '\n' }),
      notes: prose('\n\nNotes:\n', spec.notes),
    },
    OUTLINE,
    ['notes', 'files', 'goal', 'acceptance', 'tasks'],
  )
  return `${title}${part('goal')}${part('tasks')}${part('acceptance')}${part('files')}${part('notes')}`
}

function prose(before: string, text: string): Part {
  const guarded = guard(text.trim())
  return {
    make(tokens) {
      const kept = guarded === '' ? '' : keepStart(guarded, tokens - estimateTokens(before))
      return kept === '' ? '' : `${before}${kept}`
    },
  }
}

/**
 * The checklist: the current task always, then its neighbours, the next one first, as far as there is
 * room. What is left out is counted.
 */
function tasks(all: readonly SpecTask[], current: SpecTask): Part {
  const before = '\n\nTasks:\n'
  const line = (task: SpecTask): string => `- [${task.done ? 'x' : ' '}] ${keepStart(guard(task.text), TASK_LINE_TOKENS, '…')}${task.id === current.id ? '   <- this one' : ''}\n`
  const at = Math.max(0, all.findIndex((task) => task.id === current.id))
  return {
    make(tokens) {
      if (all.length === 0) return ''
      let room = tokens - estimateTokens(`${before}${left('before', all)}${left('after', all)}`) - 1
      let [from, to] = [at, at]
      const lines: string[] = []
      const take = (index: number): boolean => {
        const task = all[index]
        const text = task ? line(task) : ''
        // Rounded up each, so that together they cannot be more.
        const cost = estimateTokens(text)
        if (!task || cost > room) return false
        room -= cost
        lines[index] = text
        return true
      }
      if (!take(at)) return ''
      for (let [down, up] = [true, true]; down || up; ) {
        if (down && (down = take(to + 1))) to += 1
        if (up && (up = take(from - 1))) from -= 1
      }
      const shown = lines.slice(from, to + 1).join('')
      return `${before}${left('before', all.slice(0, from))}${shown}${left('after', all.slice(to + 1))}`.trimEnd()
    },
  }
}

function left(where: 'before' | 'after', tasks: readonly SpecTask[]): string {
  const open = tasks.filter((task) => !task.done).length
  return tasks.length === 0 ? '' : `… ${tasks.length} tasks ${where} ${where === 'before' ? 'these' : 'them'}, ${open} of them open\n`
}
