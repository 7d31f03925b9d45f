import { z } from 'zod'

/**
 * What one counted iteration showed, as far as Ralph measured it. Limits and outages are no iterations,
 * and nothing in here is the agent's word.
 */
export const IterationFact = z.object({
  /** The task that was worked on. */
  task: z.string(),
  /** A diagnosis looks and changes nothing: it is an attempt, and never an idle one. */
  kind: z.enum(['work', 'diagnosis']),
  /** The tree it left. */
  tree: z.string(),
  /** The commit made of its work; null when the tree did not change. */
  commit: z.string().nullable(),
  /** Tasks whose box was ticked for the first time in this run, and stood. */
  ticked: z.array(z.string()),
  /** Such a tick, and the checks right after it were no worse than at base. */
  verified: z.boolean(),
  /** How much fails, see `failingIn`; null when it was not measured. */
  failing: z.number().nullable(),
  /** What the checks of this tree failed with, the same text for the same trouble; null when they pass. */
  failure: z.string().nullable(),
  /** One sentence for people: how it ended and what the checks said. */
  note: z.string(),
})
export type IterationFact = z.infer<typeof IterationFact>

export type Start = {
  /** Trees that were there before the first iteration: base, and what was found. */
  trees: readonly string[]
  /** How much failed at base. */
  failing: number | null
}

/** A fact with what can only be said beside the ones before it. */
export type Reading = IterationFact & {
  /** From 1. */
  iteration: number
  /** No iteration, nor the start, had this tree. */
  newTree: boolean
  /** Left another tree than it found, and one that had been there before. */
  returned: boolean
  /** A newly verified task, or a new tree with fewer failing checks. */
  progress: boolean
}

/**
 * Reads the facts of a run in their order. "Fewer" is fewer than ever since the last verified task, so
 * that a tree which gets worse and better in turn makes progress once and not for ever; between two
 * verified tasks there are at most as many steps of progress as there are failures.
 */
export function readFacts(facts: readonly IterationFact[], start: Start): Reading[] {
  const seen = new Set(start.trees)
  let before = start.trees.at(-1) ?? null
  let least = start.failing === 0 ? null : start.failing
  let measured = false
  return facts.map((fact, index) => {
    const newTree = !seen.has(fact.tree)
    const returned = !newTree && before !== null && fact.tree !== before
    const fewer = newTree && fact.failing !== null && least !== null && fact.failing < least
    if (fact.verified) {
      least = fact.failing === 0 ? null : fact.failing
      measured = fact.failing !== null
    } else if (fact.failing !== null) {
      // What base gave is only the first step to be measured with: work may begin by breaking more.
      least = measured && least !== null ? Math.min(least, fact.failing) : fact.failing
      measured = true
    }
    seen.add(fact.tree)
    before = fact.tree
    return { ...fact, iteration: index + 1, newTree, returned, progress: fact.verified || fewer }
  })
}
