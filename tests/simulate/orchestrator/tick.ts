import { isLiveRun } from '@factory/shared'
import type { WorkerState } from '../../../packages/orchestrator/src/ports/worker-runtime.ts'
import { decide, effectKey, runKey, workerKey, type Action, type Snapshot } from '../../../packages/orchestrator/src/scheduler/decide.ts'
import { ask, type Job } from '../kernel/call.ts'
import { asRefused } from '../kernel/refused.ts'
import { admit, limitsInForce } from '../store/admit.ts'
import { dueEffects } from '../store/effects.ts'
import type { EffectRow } from '../store/rows.ts'
import { cleanWorker, endRun, startRun } from './jobs.ts'
import type { Orchestrator } from './process.ts'
import { publishPullRequest } from './publish.ts'

/** `scheduler/tick.ts`, step by step: engine first, database second, the real `decide`, and everything decided set in motion. */
export function* tick(orchestrator: Orchestrator): Job<boolean> {
  const { world, busy } = orchestrator
  const { db, kernel } = world
  const epoch = orchestrator.epoch()
  if (epoch === null) return false
  const before = new Set(busy)
  const { workers, answered } = yield* listWorkers(orchestrator, epoch)
  const runs = yield* ask('database', 'unsettled_runs', () =>
    db.read(() => db.runs.filter((run) => run.cleanedAt === null).map((run) => ({ id: run.id, itemId: run.itemId, kind: run.kind, status: run.status, worker: run.worker, leaseExpiresAt: new Date(run.leaseExpiresAt), cancel: run.cancel }))),
  )
  const at = orchestrator.now()
  const { effects, maxWorkers } = yield* ask('database', 'due_effects', () => db.read(() => ({ effects: dueEffects(db, at), maxWorkers: limitsInForce(db).maxWorkers })))
  const live = runs.filter((run) => isLiveRun(run.status)).length
  const snapshot: Snapshot = {
    runs,
    workers,
    busy: before.union(busy),
    effects: effects.map((effect) => effect.id),
    leasesCountFrom: new Date(orchestrator.counts),
    suspectSince: orchestrator.suspectSince,
    slots: Math.max(0, maxWorkers - live),
  }
  const actions = decide(snapshot, new Date(orchestrator.now()))
  orchestrator.suspectSince = null
  for (const action of actions) {
    kernel.count(`action ${action.do}${action.do === 'end' ? ` ${action.code}` : ''}`)
    if (kernel.tracing) kernel.note(`  ${orchestrator.holder} decides: ${action.do} ${'runId' in action ? `run ${action.runId}` : ''} (${action.reason})`)
    if (!answered && action.do !== 'publish') kernel.violated(`${action.do} was decided although the engine did not answer`)
    if (action.do === 'admit') yield* admitWaiting(orchestrator, epoch, action.atMost)
    else interpret(orchestrator, epoch, action, effects)
  }
  return actions.some((action) => action.do !== 'admit')
}

function* listWorkers(orchestrator: Orchestrator, epoch: number): Job<{ workers: WorkerState[] | null; answered: boolean }> {
  const { world } = orchestrator
  try {
    orchestrator.assert(epoch)
    return { workers: yield* ask('engine', 'list', () => world.engine.list()), answered: true }
  } catch (error) {
    asRefused(error)
    return { workers: world.settings.without.has('silence') ? [] : null, answered: false }
  }
}

function* admitWaiting(orchestrator: Orchestrator, epoch: number, atMost: number): Job {
  const { db } = orchestrator.world
  const admissions = yield* ask('database', 'admit', () => db.transact({ epoch }, () => admit(db, epoch, atMost)))
  for (const { runId } of admissions) if (runId !== null) begin(orchestrator, runKey(runId), () => startRun(orchestrator, epoch, runId))
}

function interpret(orchestrator: Orchestrator, epoch: number, action: Exclude<Action, { do: 'admit' }>, effects: readonly EffectRow[]): void {
  switch (action.do) {
    case 'start':
      return begin(orchestrator, runKey(action.runId), () => startRun(orchestrator, epoch, action.runId))
    case 'end':
      return begin(orchestrator, runKey(action.runId), () => endRun(orchestrator, epoch, action))
    case 'clean':
      return begin(orchestrator, action.runId === null ? workerKey(action.worker) : runKey(action.runId), () => cleanWorker(orchestrator, epoch, action))
    case 'publish': {
      const effect = effects.find((one) => one.id === action.effectId)
      return effect && begin(orchestrator, effectKey(effect.id), () => publishPullRequest(orchestrator, epoch, effect))
    }
    case 'suspect':
      orchestrator.suspectSince = action.since
      return
    default:
      return action satisfies never
  }
}

/** Starts a job unless the same one is under way. One that fails is tried again by a later tick. */
function begin(orchestrator: Orchestrator, key: string, job: () => Job): void {
  const { busy, world } = orchestrator
  if (busy.has(key)) return
  busy.add(key)
  world.run(
    orchestrator.process,
    (function* (): Job {
      try {
        yield* job()
      } catch (error) {
        world.kernel.count(`job gave up: ${asRefused(error).code}`)
      }
      busy.delete(key)
      orchestrator.wake()
    })(),
  )
}
