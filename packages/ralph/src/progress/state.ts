import { CheckResult, NewLearning, Usage } from '@factory/shared'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { replaceFile } from './replace.ts'

const Measured = z.object({ setup: CheckResult.nullable(), checks: z.array(CheckResult) })

/** `.ai/ralph/state.json`: everything a later `ralph run` of the same run needs to go on. */
export const RunState = z.object({
  v: z.literal(1),
  run: z.string(),
  mode: z.enum(['run', 'draft']),
  startedAt: z.iso.datetime(),
  /** Time spent by the runs before this one. */
  elapsedMs: z.number().nonnegative(),
  baseSha: z.string(),
  head: z.string(),
  /** The branch the run works on; null: HEAD is detached. */
  branch: z.string().nullable().optional(),
  /** SPEC.md as it has to be: the frozen text with the boxes that stand. */
  spec: z.string(),
  setup: z.array(z.string()),
  verify: z.array(z.string()),
  baseline: Measured.nullable(),
  iterations: z.array(z.object({ task: z.string(), newTree: z.boolean(), progress: z.boolean(), failure: z.string().nullable() })),
  /** The stuck rules look at iterations from here on. */
  stuckSince: z.number().int().nonnegative(),
  trees: z.array(z.string()),
  /** For the next prompt. */
  evidence: z.array(z.string()),
  learnings: z.array(NewLearning),
  /** The last task that was ticked: the one that a failed verification opens again. */
  lastTicked: z.string().nullable(),
  usage: Usage,
  outcome: z.object({ exitCode: z.number().int(), reason: z.string() }).nullable(),
})
export type RunState = z.infer<typeof RunState>

/** The state that was left here, or null when there is none that can be read. */
export async function loadState(file: string): Promise<RunState | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const parsed = RunState.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Either the old state or the new one is there, whenever the machine stops. */
export async function saveState(file: string, state: RunState): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await replaceFile(file, JSON.stringify(state), `${file}.${process.pid}.tmp`, true)
}
