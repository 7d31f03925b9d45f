import { NewLearning, Usage } from '@factory/shared/ralph'
import { z } from 'zod'
import { readOwn, writeOwn } from '../files.ts'
import { Measured } from '../verify/measured.ts'
import { IterationFact, type Start } from './facts.ts'
import { failingIn } from './failing.ts'
import { Untold } from '../loop/untold.ts'

/** Output of checks and evidence make it long, in bytes. */
const MOST = 64 * 1024 * 1024

/** `.ai/ralph/state.json`: everything a later `ralph run` of the same run needs to go on. */
export const RunState = z.object({
  v: z.literal(2),
  run: z.string(),
  startedAt: z.iso.datetime(),
  /** Time spent by the runs before this one. */
  elapsedMs: z.number().nonnegative(),
  baseSha: z.string(),
  /** The branch that the work is on; null: none, HEAD is detached. */
  branch: z.string().nullable(),
  head: z.string(),
  /** SPEC.md as it has to be: the frozen text with the boxes that stand. */
  spec: z.string(),
  setup: z.array(z.string()),
  verify: z.array(z.string()),
  /** Those of them that have to succeed whatever they did at base. */
  required: z.array(z.string()),
  baseline: Measured.nullable(),
  iterations: z.array(IterationFact),
  /** The execution of the agent that is under way; null between them. */
  current: z.object({ iteration: z.number().int(), kind: IterationFact.shape.kind, task: z.string(), startedAt: z.iso.datetime() }).nullable(),
  /** The stuck rules look at iterations from here on. */
  stuckSince: z.number().int().nonnegative(),
  /** Trees from before the first iteration: base, and what lay there. */
  trees: z.array(z.string()),
  /** Tasks that were ticked at some time; only the first tick of each moves the work on. */
  everTicked: z.array(z.string()),
  /** What failed, for the next prompt. */
  evidence: z.array(z.string()),
  /** What the agent itself wrote when it last gave up. */
  agentNotes: z.string().nullable(),
  /** What the last diagnosis said, while its task is open. */
  diagnosis: z.string().nullable(),
  learnings: z.array(NewLearning),
  /** The last task that was ticked: the one that a failed verification opens again. */
  lastTicked: z.string().nullable(),
  usage: Usage,
  /** What was being told when this was written. */
  untold: Untold.nullable(),
  outcome: z.object({ exitCode: z.number().int(), reason: z.string(), until: z.iso.datetime().nullable() }).nullable(),
})
export type RunState = z.infer<typeof RunState>

/** What the facts of the iterations are measured against. */
export function startOf(state: RunState): Start {
  return { trees: state.trees, failing: state.baseline && state.baseline.checks.length > 0 ? failingIn(state.baseline.checks) : null }
}

/** The state that was left here, or null when there is none that can be read. */
export async function loadState(file: string): Promise<RunState | null> {
  const text = await readOwn(file, MOST)
  if (text === null) return null
  try {
    const parsed = RunState.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Writes down how a run ended, once it was told. */
export async function recordOutcome(file: string, run: string, outcome: NonNullable<RunState['outcome']>): Promise<void> {
  const state = await loadState(file)
  if (state?.run === run) await saveState(file, { ...state, outcome: { exitCode: outcome.exitCode, reason: outcome.reason, until: outcome.until } })
}

/** Either the old state or the new one is there, whenever the machine stops. */
export async function saveState(file: string, state: RunState): Promise<void> {
  await writeOwn(file, JSON.stringify(state), { durable: true })
}
