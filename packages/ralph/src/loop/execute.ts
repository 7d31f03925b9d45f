import { NO_USAGE, RALPH_EXIT, type RalphEventBody, type RalphExit, type Usage } from '@factory/shared/ralph'
import type { AgentResult, AgentTask } from '../agents/agent.ts'
import { addUsage, interrupted } from '../outcome.ts'
import { afterVerdict } from '../progress/patience.ts'
import type { World } from '../world.ts'

export type Execution = {
  result: AgentResult
  /** All tries together: what a limit cut short was paid for, too. */
  usage: Usage
  /** Set when the run ends here although the work does not. */
  end: { exitCode: RalphExit; reason: string; until: string | null } | null
}

type Ask = Omit<AgentTask, 'signal' | 'onActivity' | 'maxCostUsd'> & {
  iteration: number
  costLeftUsd: number
  /** When the time of the whole run is over, epoch milliseconds: no wait reaches beyond it. */
  deadline: number
}

/** One execution of the agent, with patience for limits and outages: those cost no iteration. */
export async function execute(world: World, ask: Ask): Promise<Execution> {
  const { iteration, costLeftUsd, deadline, ...task } = ask
  let usage = NO_USAGE
  let tries = 0
  for (;;) {
    const left = Math.max(0.01, costLeftUsd - usage.costUsd)
    const result = await world.agent.run({ ...task, limitMs: Math.min(task.limitMs, Math.max(1000, deadline - world.now())), maxCostUsd: left, signal: world.signal, onActivity: (activity) => world.emit({ event: 'agent.activity', iteration, rule: null, ...activity }) })
    usage = addUsage(usage, result.usage)
    if (result.verdict.kind === 'aborted' || world.signal.aborted) return { result, usage, end: { ...interrupted(world.signal), until: null } }
    const step = afterVerdict(result.verdict, tries, world.now())
    if (step.do === 'go_on') return { result, usage, end: null }
    if (step.event) world.emit(step.event)
    if (step.do === 'end') return { result, usage, end: { exitCode: step.exitCode, reason: step.reason, until: step.until } }
    if (usage.costUsd >= costLeftUsd) return { result, usage, end: { exitCode: RALPH_EXIT.limit, reason: 'the money of this run is spent', until: null } }
    if (world.now() + step.ms >= deadline) return { result, usage, end: waitsTooLong(step.event, world.now() + step.ms) }
    tries += 1
    await world.sleep(step.ms, world.signal)
    if (world.signal.aborted) return { result, usage, end: { ...interrupted(world.signal), until: null } }
  }
}

/** The run would have to wait beyond its own time: it ends as paused, so that a later one goes on. */
function waitsTooLong(event: RalphEventBody, until: number): Execution['end'] {
  const why = event.event === 'limit' ? event.message : 'the model does not answer'
  return { exitCode: RALPH_EXIT.paused, reason: `${why}; the time of this run is over before that`, until: new Date(until).toISOString() }
}
