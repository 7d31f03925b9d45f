import { NO_USAGE, type NewLearning, type RalphEvent, type RunProgress, type Usage } from '@factory/shared'

/** What Ralph's events say so far. */
export type Story = {
  progress: RunProgress
  /** Totals of the run. */
  usage: Usage
  done: ReadonlySet<string>
  tasks: ReadonlyMap<string, string>
  learnings: readonly NewLearning[]
  /** Last commit that an iteration made. */
  commit: string | null
  /** What the agent said at the end of each iteration that changed something. */
  said: readonly string[]
  stuck: readonly string[]
  finished: Extract<RalphEvent, { event: 'run.finished' }> | null
}

export function startStory(maxIterations: number): Story {
  const progress: RunProgress = { step: 'agent', iteration: 0, maxIterations, tasksDone: 0, tasksTotal: 0, task: null, activity: null }
  return { progress, usage: NO_USAGE, done: new Set(), tasks: new Map(), learnings: [], commit: null, said: [], stuck: [], finished: null }
}

/** The story after one more event. */
export function fold(story: Story, event: RalphEvent): Story {
  switch (event.event) {
    case 'run.started': {
      const tasks = new Map(event.tasks.map(({ id, text }) => [id, text]))
      return count({ ...story, tasks, done: new Set(event.tasks.filter(({ done }) => done).map(({ id }) => id)) })
    }
    case 'iteration.started':
      return show(story, { step: 'agent', iteration: event.iteration, task: event.task?.text.slice(0, 500) ?? null, activity: null })
    case 'iteration.finished':
      return { ...story, usage: add(story.usage, event.usage), commit: event.commit ?? story.commit, said: event.commit && event.text?.trim() ? [...story.said, event.text.trim()] : story.said }
    case 'agent.activity':
      return event.parent === null ? show(story, { activity: event.summary.slice(0, 500) }) : story
    case 'task.completed':
      return count({ ...story, tasks: new Map(story.tasks).set(event.task.id, event.task.text), done: new Set(story.done).add(event.task.id) })
    case 'task.reopened':
      return count({ ...story, done: new Set([...story.done].filter((id) => id !== event.task.id)) })
    case 'learning.recorded':
      return { ...story, learnings: [...story.learnings, event.learning] }
    case 'stuck.detected':
      return { ...story, stuck: [event.rule, ...event.facts] }
    case 'limit':
      return show(story, { activity: event.message.slice(0, 500) })
    case 'run.finished':
      return { ...story, usage: most(story.usage, event.usage), finished: event }
    case 'verify.finished':
      return show(story, { step: 'verify', activity: event.report.reason.slice(0, 500) })
    case 'heartbeat':
    case 'lock.denied':
    case 'lock.violation':
      return story
  }
}

const show = (story: Story, change: Partial<RunProgress>): Story => ({ ...story, progress: { ...story.progress, ...change } })
const count = (story: Story): Story => show(story, { tasksDone: story.done.size, tasksTotal: story.tasks.size })

const each = (a: Usage, b: Usage, join: (x: number, y: number) => number): Usage => ({
  iterations: join(a.iterations, b.iterations),
  inputTokens: join(a.inputTokens, b.inputTokens),
  outputTokens: join(a.outputTokens, b.outputTokens),
  cacheReadTokens: join(a.cacheReadTokens, b.cacheReadTokens),
  cacheWriteTokens: join(a.cacheWriteTokens, b.cacheWriteTokens),
  costUsd: join(a.costUsd, b.costUsd),
})
const add = (a: Usage, b: Usage) => each(a, b, (x, y) => x + y)
/** Ralph's own total counts what iterations that were thrown away cost; ours is there when it crashed before saying it. */
const most = (a: Usage, b: Usage) => each(a, b, Math.max)
