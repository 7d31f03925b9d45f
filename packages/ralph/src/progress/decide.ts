/** What one counted iteration showed. Limits and outages are no iterations. */
export type IterationFact = {
  /** The task that was worked on. */
  task: string
  /** A tree that no iteration, nor base, had before. */
  newTree: boolean
  /** A box was ticked and stood. */
  progress: boolean
  /** What the verification after it failed with, or null. */
  failure: string | null
}

export type Facts = {
  iterations: readonly IterationFact[]
  /** Iterations before this one do not count towards stuck: a person has looked at them. */
  since: number
  /** The task that would be next. */
  task: { id: string; text: string }
  costUsd: number
  minutes: number
}

export type Bounds = { maxIterations: number; maxCostUsd: number; maxMinutes: number }

export type Decision =
  | { do: 'work' }
  | { do: 'stuck'; rule: 'no_new_tree' | 'too_many_attempts' | 'same_failure'; facts: string[] }
  | { do: 'limit'; kind: 'iterations' | 'cost' | 'time'; message: string }

/** Rules of the stuck detection. */
export const STUCK = { idle: 3, attempts: 5, sameFailure: 4 } as const

/** Below this no execution of the agent is worth starting. */
export const LEAST_COST_USD = 0.001

/** Whether to go on. Pure; asked before every iteration, after the check for completion. */
export function decide(facts: Facts, bounds: Bounds): Decision {
  const { iterations } = facts
  const recent = iterations.slice(facts.since)
  const idle = trailing(recent, (fact) => !fact.newTree && !fact.progress)
  if (idle >= STUCK.idle) return { do: 'stuck', rule: 'no_new_tree', facts: [`${idle} iterations in a row left no tree that had not been there before`] }

  const failures = recent.map((fact) => fact.failure).filter((failure) => failure !== null)
  const last = failures.at(-1)
  const same = last === undefined ? 0 : trailing(failures, (failure) => failure === last)
  if (same >= STUCK.sameFailure) return { do: 'stuck', rule: 'same_failure', facts: [`the same failure ${same} times in a row`] }

  const attempts = recent.filter((fact) => fact.task === facts.task.id).length
  if (attempts >= STUCK.attempts) return { do: 'stuck', rule: 'too_many_attempts', facts: [`${attempts} attempts at one task: ${facts.task.text}`] }

  if (iterations.length >= bounds.maxIterations) return { do: 'limit', kind: 'iterations', message: `${iterations.length} of ${bounds.maxIterations} iterations are used up` }
  if (bounds.maxCostUsd - facts.costUsd < LEAST_COST_USD) return { do: 'limit', kind: 'cost', message: `$${facts.costUsd.toFixed(4)} of $${bounds.maxCostUsd.toFixed(2)} are spent` }
  if (facts.minutes >= bounds.maxMinutes) return { do: 'limit', kind: 'time', message: `${Math.floor(facts.minutes)} of ${bounds.maxMinutes} minutes are over` }
  return { do: 'work' }
}

function trailing<T>(items: readonly T[], is: (item: T) => boolean): number {
  let count = 0
  while (count < items.length) {
    const item = items[items.length - 1 - count]
    if (item === undefined || !is(item)) break
    count += 1
  }
  return count
}
