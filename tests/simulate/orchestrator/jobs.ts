import type { Action } from '../../../packages/orchestrator/src/scheduler/decide.ts'
import { ask, Asked, type Job } from '../kernel/call.ts'
import { asRefused } from '../kernel/refused.ts'
import { settle } from '../store/settle.ts'
import { releaseRunLocks } from './locks.ts'
import { quietly, type Orchestrator } from './process.ts'

const GRACE_MS = 2000

/** `workers/start.ts`: makes the worker of an admitted run; repeating it adopts the one that is there. */
export function* startRun(orchestrator: Orchestrator, epoch: number, runId: number): Job {
  const { db, engine } = orchestrator.world
  const run = yield* ask('database', 'load_run', () => db.read(() => ({ ...db.run(runId) })))
  if (run.status !== 'starting') return
  try {
    orchestrator.assert(epoch)
    yield* ask('engine', 'start', () => engine.start({ name: run.worker, runId, token: run.token }, orchestrator.world.faults.startTrouble()))
  } catch (error) {
    const { code, message } = asRefused(error)
    if (code !== 'start_failed' && code !== 'image_unusable') throw error
    const at = orchestrator.now()
    const status = code === 'image_unusable' ? 'failed' : 'lost'
    yield* orchestrator.transact({ epoch }, 'settle', () => settle(db, runId, null, { status, outcome: { code, message, until: null }, iterations: 0 }, at))
    yield* quietly(releaseRunLocks(orchestrator, epoch, runId))
  }
}

/** `workers/finish.ts`: the worker is stopped and seen dead first, and only then is its item given to anybody else. */
export function* endRun(orchestrator: Orchestrator, epoch: number, end: Extract<Action, { do: 'end' }>): Job {
  const { db, settings } = orchestrator.world
  if (!settings.without.has('death')) yield* stopWorker(orchestrator, epoch, end.worker, GRACE_MS)
  const heardAt = yield* ask('database', 'load_run', () => db.read(() => db.run(end.runId).heartbeatAt))
  const at = orchestrator.now()
  const settled = yield* orchestrator.transact({ epoch }, 'settle', () => {
    const changed = settle(db, end.runId, null, { status: end.as, outcome: { code: end.code, message: end.reason, until: null }, iterations: 0, heardAt }, at)
    if (changed.changed) seenDead(orchestrator, end)
    return changed
  })
  if (settled.changed) yield* quietly(releaseRunLocks(orchestrator, epoch, end.runId))
}

/**
 * What the reaper promises, looked at with the eyes of the engine itself. A worker that an earlier leader's late
 * call makes after its run was seen to have none is no danger as long as it has not registered: it never can.
 */
function seenDead({ world }: Orchestrator, { worker, runId }: { worker: string; runId: number }): void {
  if (world.engine.isAlive(worker) && world.db.run(runId).registeredAt !== null) world.kernel.violated(`run ${runId} was ended and its item given away while its worker ${worker} lives`)
}

export function* cleanWorker(orchestrator: Orchestrator, epoch: number, clean: Extract<Action, { do: 'clean' }>): Job {
  const { db, engine } = orchestrator.world
  const { runId } = clean
  yield* stopWorker(orchestrator, epoch, clean.worker, clean.alive ? GRACE_MS : 0)
  orchestrator.assert(epoch)
  yield* ask('engine', 'remove', () => engine.remove(clean.worker))
  if (runId === null) return
  yield* releaseRunLocks(orchestrator, epoch, runId)
  const at = orchestrator.now()
  yield* ask('database', 'set_cleaned', () => db.transact({ epoch }, () => db.write(db.run(runId), { cleanedAt: at })))
}

function* stopWorker(orchestrator: Orchestrator, epoch: number, worker: string, graceMs: number): Job {
  orchestrator.assert(epoch)
  const { engine } = orchestrator.world
  const stop: Asked<void> = new Asked('engine', 'stop', () => {
    stop.lasts = engine.stop(worker, graceMs)
  })
  yield stop
  stop.result()
}
