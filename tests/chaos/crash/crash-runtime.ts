import { createProcessRuntime } from '../../../packages/orchestrator/src/adapters/process-runtime/index.ts'
import type { Config } from '../../../packages/orchestrator/src/config.ts'
import type { WorkerRuntime } from '../../../packages/orchestrator/src/ports/worker-runtime.ts'

/** The real process runtime with light workers that find every orchestrator of their factory. */
export function crashRuntime(config: Config, { CHAOS_DOORS = '', CHAOS_WORKER = '', CHAOS_SETTINGS = '' }: Record<string, string | undefined>): WorkerRuntime {
  return createProcessRuntime({
    instance: config.INSTANCE,
    dataDir: config.DATA_DIR,
    command: [process.execPath, '--no-env-file', CHAOS_WORKER, CHAOS_SETTINGS],
    gatewayUrl: CHAOS_DOORS,
    claudeBin: '/bin/false',
    ralphCommand: '/bin/false',
    path: config.PATH,
  })
}
