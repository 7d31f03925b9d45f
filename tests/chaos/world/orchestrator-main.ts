// One orchestrator of a chaos run: the production code as it stands, with workers that cost little.
import { basename } from 'node:path'
import { createLogger } from '@factory/shared'
import { createDockerRuntime } from '../../../packages/orchestrator/src/adapters/docker-runtime/index.ts'
import { createProcessRuntime } from '../../../packages/orchestrator/src/adapters/process-runtime/index.ts'
import { readConfig } from '../../../packages/orchestrator/src/config.ts'
import { start } from '../../../packages/orchestrator/src/index.ts'
import { directForge } from '../without/outbox.ts'
import { withoutDeath } from '../without/death.ts'

const { CHAOS_DOORS = '', CHAOS_DOOR_DIR = '', CHAOS_WORKER = '', CHAOS_SETTINGS = '', CHAOS_WITHOUT = '', CHAOS_WORKER_IMAGE } = process.env
const config = readConfig(process.env)
const log = createLogger('orchestrator', config.LOG_LEVEL)
const runtime =
  CHAOS_WORKER_IMAGE === undefined
    ? createProcessRuntime({
        instance: config.INSTANCE,
        dataDir: config.DATA_DIR,
        command: [process.execPath, '--no-env-file', CHAOS_WORKER, CHAOS_SETTINGS],
        // A real worker has one door, the gateway; here it finds every orchestrator by itself.
        gatewayUrl: CHAOS_DOORS,
        claudeBin: '/bin/false',
        ralphCommand: '/bin/false',
        path: config.PATH,
      })
    : createDockerRuntime({
        instance: config.INSTANCE,
        workerImage: CHAOS_WORKER_IMAGE,
        workerSocketSource: CHAOS_DOOR_DIR,
        command: ['/opt/factory/bin/bun', '--no-env-file', `/run/factory/${basename(CHAOS_WORKER)}`, `/run/factory/${basename(CHAOS_SETTINGS)}`],
        logger: log,
      })
const service = await start(config, {
  log,
  runtime: CHAOS_WITHOUT === 'death' ? withoutDeath(runtime) : runtime,
  ...(CHAOS_WITHOUT === 'outbox' ? { forge: directForge } : {}),
})
process.once('SIGTERM', () => void service.stop().finally(() => process.exit(0)))
