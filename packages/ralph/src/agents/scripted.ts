import { NO_USAGE } from '@factory/shared'
import type { Agent, AgentResult, AgentTask } from './agent.ts'

export type Step = (task: AgentTask) => Promise<Partial<AgentResult> | void> | Partial<AgentResult> | void

/** An agent that carries out given steps, one an execution; the last one repeats. For tests without a model. */
export function scriptedAgent(steps: readonly Step[]): Agent & { seen: AgentTask[] } {
  const seen: AgentTask[] = []
  return {
    name: 'scripted',
    seen,
    async run(task) {
      const step = steps[Math.min(seen.length, steps.length - 1)]
      seen.push(task)
      const result = (await step?.(task)) ?? {}
      const worked: AgentResult = { verdict: { kind: 'worked' }, usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5, costUsd: 0.01 }, text: 'done', endedBy: null }
      return task.signal.aborted ? { ...worked, ...result, verdict: { kind: 'aborted' } } : { ...worked, ...result }
    },
  }
}
