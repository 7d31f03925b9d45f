import type { WorkerRuntime } from '../../../packages/orchestrator/src/ports/worker-runtime.ts'

/** For `--without death`: the reaper is told that the worker is dead without anybody having looked. */
export function withoutDeath(runtime: WorkerRuntime): WorkerRuntime {
  return { ...runtime, stop: () => Promise.resolve() }
}
