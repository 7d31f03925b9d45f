import { run, type Job } from './kernel/call.ts'
import type { Process } from './kernel/heap.ts'
import { Kernel, type Coverage } from './kernel/kernel.ts'
import { Engine } from './outside/engine.ts'
import { Forge } from './outside/forge.ts'
import { LockTable } from './outside/lock-table.ts'
import type { Orchestrator } from './orchestrator/process.ts'
import { Database } from './store/database.ts'
import { drawSettings, type Mutation, type Settings } from './settings.ts'
import { createFaults, type WorldFaults } from './trouble/faults.ts'
import { bootWorker } from './worker/boot.ts'
import type { Worker } from './worker/worker.ts'

/** Everything there is in one seed. */
export class World {
  readonly kernel: Kernel
  readonly settings: Settings
  readonly db: Database
  readonly engine: Engine
  readonly forge: Forge
  readonly locks: LockTable
  readonly orchestrators: Orchestrator[] = []
  readonly workers: Worker[] = []
  readonly faults: WorldFaults
  /** While things go wrong. Afterwards everything answers, and all must come to its end. */
  troubled = true
  /** Holders are unique over the life of the world. */
  boots = 0

  constructor(options: { seed: number; without: ReadonlySet<Mutation>; tracing: boolean; coverage: Coverage }) {
    this.settings = drawSettings(options.seed, options.without)
    this.kernel = new Kernel({ seed: options.seed, startsAt: this.settings.startsAt, tracing: options.tracing, coverage: options.coverage })
    this.db = new Database(this.kernel, this.settings)
    this.engine = new Engine(this.kernel, (container, spec) => bootWorker(this, container, spec))
    this.forge = new Forge(this.kernel, this.settings)
    this.locks = new LockTable(this.kernel, this.settings.lockSeconds)
    this.faults = createFaults(this)
  }

  run(process: Process, job: Job): void {
    run(this.kernel, this.faults, process, job)
  }
}
