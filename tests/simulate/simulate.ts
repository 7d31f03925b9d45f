import { checkEnd, unfinished } from './check/at-end.ts'
import { checkStep, newMemory } from './check/after-step.ts'
import type { Coverage, Violation } from './kernel/kernel.ts'
import { startOrchestrator } from './orchestrator/process.ts'
import type { Mutation } from './settings.ts'
import { NOBODY } from './store/database.ts'
import { createItem } from './store/items.ts'
import { planTroubles } from './trouble/troubles.ts'
import { PATHS } from './worker/plan.ts'
import { specFor } from './worker/settlement.ts'
import { World } from './world.ts'

/** After the last trouble everything must have come to its end within this time. */
export const REST_WITHIN_MS = 3_600_000
/** A world that takes more steps than this goes round in circles. */
const MOST_STEPS = 60_000

export type Seed = { seed: number; without?: ReadonlySet<Mutation>; tracing?: boolean; coverage?: Coverage }
/** `lastLeft`: what came to rest last. */
export type Result = { seed: number; steps: number; simulatedMs: number; violation: Violation | null; trace: readonly string[]; lastLeft: readonly string[] }

/** One seed: one small world from its beginning until all is at rest, the invariants looked at after each step. */
export function simulate({ seed, without = new Set(), tracing = false, coverage = new Map() }: Seed): Result {
  const world = new World({ seed, without, tracing, coverage })
  const { kernel, settings } = world
  for (let n = 0; n < settings.items; n++) kernel.schedule(n === 0 ? 0 : kernel.chance.int(0, 20_000), null, 'an item is asked for', () => addItem(world))
  for (let n = 0; n < settings.orchestrators; n++) kernel.schedule(kernel.chance.int(0, 3000), null, 'an orchestrator starts', () => startOrchestrator(world))
  planTroubles(world)
  const memory = newMemory()
  const restBy = settings.startsAt + settings.troubleMs + REST_WITHIN_MS
  let lookAt = settings.startsAt + settings.troubleMs
  let left: string[] = []
  while (kernel.step()) {
    checkStep(world, memory)
    if (kernel.violation !== null) break
    if (kernel.now < lookAt) continue
    lookAt = kernel.now + 3000
    const now = unfinished(world)
    if (now.length === 0) break
    left = now
    if (kernel.now > restBy || kernel.steps > MOST_STEPS) kernel.violated(`it does not come to rest: ${left.join('; ')}`)
  }
  if (kernel.violation === null) checkEnd(world)
  return { seed, steps: kernel.steps, simulatedMs: kernel.now - settings.startsAt, violation: kernel.violation, trace: kernel.trace, lastLeft: left }
}

function addItem(world: World): void {
  const { kernel, db, settings } = world
  const { chance } = kernel
  if (db.away) return void kernel.schedule(1000, null, 'an item is asked for', () => addItem(world))
  const drafting = chance.yes(0.2)
  const file = !drafting && chance.yes(0.7) ? chance.pick(PATHS) : null
  db.transact(NOBODY, () =>
    createItem(db, {
      repo: `a/${chance.int(1, settings.repos)}`,
      status: drafting ? 'drafting' : 'queued',
      priorityRank: chance.int(0, 3),
      spec: drafting ? null : specFor(file ?? 'z.ts'),
      files: file === null ? [] : [file],
      maxAttempts: settings.maxAttempts,
    }),
  )
}
