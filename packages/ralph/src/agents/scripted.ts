import { NO_USAGE } from '@factory/shared/ralph'
import type { Agent, AgentResult, AgentTask } from './agent.ts'

export type Step = (task: AgentTask) => Promise<Partial<AgentResult> | void> | Partial<AgentResult> | void

/**
 * An agent that carries out given steps, one an execution; the last one repeats. For tests without a
 * model. A step that waits must watch its task's signal: it is what an abort and the limit end.
 */
export function scriptedAgent(steps: readonly Step[]): Agent & { seen: AgentTask[] } {
  const seen: AgentTask[] = []
  return {
    name: 'scripted',
    seen,
    async run(task) {
      const step = steps[Math.min(seen.length, steps.length - 1)]
      seen.push(task)
      const limit = AbortSignal.timeout(task.limitMs)
      const worked: AgentResult = { verdict: { kind: 'worked' }, usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5, costUsd: 0.01 }, text: 'done', endedBy: null }
      const result = { ...worked, ...(await perform(step, { ...task, signal: AbortSignal.any([task.signal, limit]) })) }
      if (task.signal.aborted) return { ...result, verdict: { kind: 'aborted' }, endedBy: null }
      return limit.aborted ? { ...result, verdict: { kind: 'failed', reason: 'the iteration took longer than allowed' }, endedBy: 'time' } : result
    },
  }
}

async function perform(step: Step | undefined, task: AgentTask): Promise<Partial<AgentResult>> {
  try {
    return (await step?.(task)) ?? {}
  } catch (error) {
    return { verdict: { kind: 'failed', reason: `the step broke: ${error instanceof Error ? error.message : String(error)}` } }
  }
}
