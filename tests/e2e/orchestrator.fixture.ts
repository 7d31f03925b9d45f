import { existsSync, rmSync } from 'node:fs'
import { createProcessRuntime } from '../../packages/orchestrator/src/adapters/process-runtime/index.ts'
import { readConfig } from '../../packages/orchestrator/src/config.ts'
import { connect, type Db } from '../../packages/orchestrator/src/db/connect.ts'
import { start } from '../../packages/orchestrator/src/index.ts'
import type { WorkerRuntime } from '../../packages/orchestrator/src/ports/worker-runtime.ts'

/**
 * An orchestrator as a process of its own whose workers sleep, and which stops itself (SIGSTOP) at one point of a
 * leader's work, once, when the file FREEZE_WHEN is there:
 *   admit   decided, and before it asks the database to admit
 *   write   admitted, and before its job writes
 *   engine  has looked that it leads, and before the engine is called
 */
const { FREEZE_AT = '', FREEZE_WHEN = '', ...env } = process.env
const config = readConfig(env)

function freeze(at: string): void {
  if (at !== FREEZE_AT || !existsSync(FREEZE_WHEN)) return
  rmSync(FREEZE_WHEN)
  process.kill(process.pid, 'SIGSTOP')
}

function frozenDb(db: Db): Db {
  const sql = new Proxy(db.sql, {
    apply(target, self, args: never) {
      if (String(args[0]).includes('from admit(')) freeze('admit')
      return Reflect.apply(target, self, args)
    },
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (key !== 'begin' || typeof member !== 'function') return member
      return (...args: unknown[]) => {
        freeze('write')
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
  return { ...db, sql }
}

const runtime = createProcessRuntime({ instance: config.INSTANCE, dataDir: config.DATA_DIR, command: ['/bin/sh', '-c', 'exec sleep 600'], gatewayUrl: config.GATEWAY_URL, claudeBin: '/bin/true', ralphCommand: 'true', path: config.PATH })
const frozenRuntime: WorkerRuntime = {
  ...runtime,
  start(spec) {
    freeze('engine')
    return runtime.start(spec)
  },
}

const service = await start(config, {
  db: frozenDb(connect(config.DATABASE_URL ?? '')),
  runtime: frozenRuntime,
})
process.once('SIGTERM', () => void service.stop().then(() => process.exit(0)))
