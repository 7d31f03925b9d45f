import type { Coverage } from './kernel/kernel.ts'
import type { Mutation } from './settings.ts'
import { simulate, type Result } from './simulate.ts'

export type Campaign = { seeds: number; steps: number; simulatedHours: number; failed: Result | null; coverage: Coverage }

/** Seeds one after the other until one fails. That one is simulated once more with its trace kept, which changes nothing in it. */
export function campaign(options: { from: number; seeds: number; without?: ReadonlySet<Mutation> }): Campaign {
  const { from, seeds, without = new Set() } = options
  const coverage: Coverage = new Map()
  let steps = 0
  let simulatedMs = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const result = simulate({ seed, without, coverage })
    steps += result.steps
    simulatedMs += result.simulatedMs
    if (result.violation !== null) return { seeds: seed - from + 1, steps, simulatedHours: simulatedMs / 3_600_000, failed: simulate({ seed, without, tracing: true }), coverage }
  }
  return { seeds, steps, simulatedHours: simulatedMs / 3_600_000, failed: null, coverage }
}
