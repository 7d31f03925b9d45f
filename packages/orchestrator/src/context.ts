import type { Logger } from '@factory/shared'
import type { Config } from './config.ts'
import type { Db } from './db/connect.ts'
import type { Leadership } from './leader/leadership.ts'
import type { Metrics } from './metrics/prometheus.ts'
import type { Clock } from './ports/clock.ts'
import type { Embedder } from './ports/embedder.ts'
import type { EventBus } from './ports/event-bus.ts'
import type { Forge } from './ports/forge.ts'
import type { LockTable } from './ports/lock-table.ts'
import type { WorkerRuntime } from './ports/worker-runtime.ts'

/** The world of the orchestrator's verbs. Built once by `start`; a test overrides what it needs. */
export type Context = {
  config: Config
  log: Logger
  db: Db
  clock: Clock
  locks: LockTable
  bus: EventBus
  embedder: Embedder
  runtime: WorkerRuntime
  forge: Forge
  /** Counts what happens, for Prometheus. */
  metrics: Pick<Metrics, 'admission' | 'heartbeat' | 'runFinished'>
  /** Which orchestrator leads; the others serve the API. */
  leader: Leadership
  /** Set for a leader's work ({@link underEpoch}): every transaction checks that it still leads. null: a request's. */
  epoch: number | null
  /** Asks the scheduler to look now rather than at its next second. */
  wake: () => void
}
