import { z } from 'zod'
import type { WorkerState } from '../../ports/worker-runtime.ts'
import { LABELS } from './options.ts'

/** What we read of an inspected container; everything else may change with the engine. */
const Inspected = z.object({
  State: z.object({ Status: z.string(), ExitCode: z.number(), OOMKilled: z.boolean() }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
})

/** The engine's seven words as our three. `paused` and `restarting` are alive; a `dead` or leaving one is not. */
const STATUS: Record<string, WorkerState['status']> = {
  created: 'created',
  running: 'running',
  paused: 'running',
  restarting: 'running',
  removing: 'exited',
  exited: 'exited',
  dead: 'exited',
}

/** null: a container that is not a worker of this instance. */
export function workerState(inspected: unknown, instance: string): WorkerState | null {
  const { State, Config } = Inspected.parse(inspected)
  const labels = Config.Labels ?? {}
  const name = labels[LABELS.name]
  const runId = Number(labels[LABELS.run])
  if (labels[LABELS.instance] !== instance || !name || !Number.isSafeInteger(runId)) return null
  const status = STATUS[State.Status] ?? 'running'
  return { name, runId, status, exitCode: status === 'exited' ? State.ExitCode : null, outOfMemory: State.OOMKilled }
}
