import { readFacts, type IterationFact, type Reading, type Start } from './facts.ts'

export type Facts = {
  iterations: readonly IterationFact[]
  start: Start
  /** Iterations before this one do not count towards stuck: a person has looked at them. */
  since: number
  /** The task that would be next. */
  task: { id: string; text: string }
  costUsd: number
  minutes: number
}

export type Bounds = { maxIterations: number; maxCostUsd: number; maxMinutes: number }

export type StuckRule = 'tree_returned' | 'no_new_tree' | 'same_failure' | 'too_many_attempts'

export type Decision =
  | { do: 'work'; kind: IterationFact['kind'] }
  | { do: 'stuck'; rule: StuckRule; facts: string[] }
  | { do: 'limit'; kind: 'iterations' | 'cost' | 'time'; message: string }

/** Figures of the stuck detection; `diagnosis` is the number of the attempt that only looks. */
export const STUCK = { idle: 3, attempts: 5, diagnosis: 3, sameFailure: 4, returns: 2 } as const

/** Below this no execution of the agent is worth starting. */
export const LEAST_COST_USD = 0.001

/**
 * Whether to go on, and how. Pure; asked before every iteration, after the check for completion. Every
 * rule looks at what came after the last progress, so none can fire while new verified work appears.
 */
export function decide(facts: Facts, bounds: Bounds): Decision {
  const recent = sinceProgress(readFacts(facts.iterations, facts.start).slice(facts.since))
  for (const rule of RULES) {
    const found = rule.find(recent, facts)
    if (found !== null) return { do: 'stuck', rule: rule.name, facts: found }
  }
  const { maxIterations, maxCostUsd, maxMinutes } = bounds
  if (facts.iterations.length >= maxIterations) return { do: 'limit', kind: 'iterations', message: `${facts.iterations.length} of ${maxIterations} iterations are used up` }
  if (maxCostUsd - facts.costUsd < LEAST_COST_USD) return { do: 'limit', kind: 'cost', message: `$${facts.costUsd.toFixed(4)} of $${maxCostUsd.toFixed(2)} are spent` }
  if (facts.minutes >= maxMinutes) return { do: 'limit', kind: 'time', message: `${Math.floor(facts.minutes)} of ${maxMinutes} minutes are over` }
  return { do: 'work', kind: attemptsAt(recent, facts.task.id).length === STUCK.diagnosis - 1 ? 'diagnosis' : 'work' }
}

/** In the order of how much they tell a person; the first that holds is the reason. */
const RULES: readonly { name: StuckRule; find: (recent: readonly Reading[], facts: Facts) => string[] | null }[] = [
  {
    name: 'tree_returned',
    find(recent) {
      const returns = recent.filter((fact) => fact.returned)
      const again = returns.filter((fact) => returns.filter((other) => other.tree === fact.tree).length >= STUCK.returns)
      const last = again.at(-1)
      if (!last) return null
      const at = again.filter((fact) => fact.tree === last.tree).map((fact) => fact.iteration)
      return [`the work goes round: after iterations ${at.join(' and ')} the files were just as they had been before (tree ${last.tree.slice(0, 10)})`]
    },
  },
  {
    name: 'no_new_tree',
    find(recent) {
      // A box that is ticked for the first time moves the work on: what was done earlier can be ticked late.
      const idle = trailing(recent.filter(isWork), (fact) => !fact.newTree && fact.ticked.length === 0)
      return idle.length < STUCK.idle ? null : [`${idle.length} iterations in a row left no tree that had not been there before`]
    },
  },
  {
    name: 'same_failure',
    find(recent) {
      // A first tick moves on to other work: what fails meanwhile may be mended by the tasks to come.
      const tries = recent.filter((fact) => isWork(fact) && fact.ticked.length === 0)
      const failure = tries.at(-1)?.failure ?? null
      const same = failure === null ? [] : trailing(tries, (fact) => fact.failure === failure)
      return same.length < STUCK.sameFailure ? null : [`the same failure ${same.length} times in a row`]
    },
  },
  {
    name: 'too_many_attempts',
    find(recent, { task }) {
      const attempts = attemptsAt(recent, task.id).length
      return attempts < STUCK.attempts ? null : [`${attempts} attempts at one task without progress: ${task.text}`]
    },
  },
]

const isWork = (fact: IterationFact): boolean => fact.kind === 'work'
const attemptsAt = (facts: readonly Reading[], task: string): Reading[] => facts.filter((fact) => fact.task === task)
const sinceProgress = (facts: readonly Reading[]): readonly Reading[] => facts.slice(facts.findLastIndex((fact) => fact.progress) + 1)

function trailing<T>(items: readonly T[], is: (item: T) => boolean): T[] {
  return items.slice(items.findLastIndex((item) => !is(item)) + 1)
}
