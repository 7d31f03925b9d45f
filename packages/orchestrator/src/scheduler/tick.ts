import { RunKind, RunStatus } from '@factory/shared'
import type { Context } from '../context.ts'
import { dueEffects, type EffectRow } from '../publish/due.ts'
import { publishPullRequest } from '../publish/publish.ts'
import { cleanWorker, endRun } from '../workers/finish.ts'
import { startRun } from '../workers/start.ts'
import { unsettledRuns } from '../workers/unsettled.ts'
import type { WorkerState } from '../ports/worker-runtime.ts'
import { admitOne } from './admit.ts'
import { decide, effectKey, runKey, workerKey, type Action } from './decide.ts'
import type { Admission } from './store.ts'

/** Long work of the scheduler goes on between ticks; this keeps one thing from being done twice. */
export type InFlight = { busy: Set<string>; all: Set<Promise<void>>; leasesCountFrom: Date }
export const newInFlight = (leasesCountFrom: Date): InFlight => ({ busy: new Set(), all: new Set(), leasesCountFrom })

export type TickReport = { actions: number; admission: Admission | null; engine: boolean }

/** Loads one snapshot, decides, and sets everything decided in motion. */
export async function tick(ctx: Context, inFlight: InFlight): Promise<TickReport> {
  // The engine is asked before the database: a worker that is seen exited here reported its end, if it
  // did, before it exited, so the runs read afterwards know of it.
  // What was under way when it was asked may have changed what it would say now.
  const before = new Set(inFlight.busy)
  const workers = await listWorkers(ctx)
  const runs = await unsettledRuns(ctx)
  const effects = await dueEffects(ctx, 20)
  const live = runs.filter((run) => run.status === 'starting' || run.status === 'running').length
  const snapshot = {
    runs: runs.map((run) => ({
      id: run.id,
      itemId: run.item_id,
      kind: RunKind.parse(run.kind),
      status: RunStatus.parse(run.status),
      worker: run.worker,
      leaseExpiresAt: run.lease_expires_at,
      cancel: run.cancel_code === null ? null : { code: run.cancel_code, reason: run.cancel_reason ?? '' },
    })),
    workers,
    busy: before.union(inFlight.busy),
    effects: effects.map((effect) => effect.id),
    leasesCountFrom: inFlight.leasesCountFrom,
    slots: Math.max(0, ctx.config.MAX_WORKERS - live),
  }
  const actions = decide(snapshot, ctx.clock.now())
  let admission: Admission | null = null
  for (const action of actions) {
    if (action.do === 'admit') admission = await admit(ctx, inFlight, action.atMost)
    else interpret(ctx, inFlight, action, effects)
  }
  return { actions: actions.length, admission, engine: workers !== null }
}

async function listWorkers(ctx: Context): Promise<WorkerState[] | null> {
  try {
    return await ctx.runtime.list()
  } catch (error) {
    ctx.log.warn({ err: error }, 'the engine does not answer; nothing is started or given up meanwhile')
    return null
  }
}

async function admit(ctx: Context, inFlight: InFlight, atMost: number): Promise<Admission | null> {
  let last: Admission | null = null
  for (let count = 0; count < atMost; count++) {
    last = await admitOne(ctx)
    if (last.outcome !== 'admitted' || last.runId === null) break
    const runId = last.runId
    run(ctx, inFlight, runKey(runId), () => startRun(ctx, runId))
  }
  return last
}

function interpret(ctx: Context, inFlight: InFlight, action: Exclude<Action, { do: 'admit' }>, effects: readonly EffectRow[]): void {
  switch (action.do) {
    case 'start':
      return run(ctx, inFlight, runKey(action.runId), () => startRun(ctx, action.runId))
    case 'end':
      return run(ctx, inFlight, runKey(action.runId), () => endRun(ctx, action))
    case 'clean':
      return run(ctx, inFlight, action.runId === null ? workerKey(action.worker) : runKey(action.runId), () => cleanWorker(ctx, action))
    case 'publish': {
      const effect = effects.find((one) => one.id === action.effectId)
      return effect ? run(ctx, inFlight, effectKey(effect.id), () => publishPullRequest(ctx, effect)) : undefined
    }
    default:
      return action satisfies never
  }
}

/** Starts a job unless the same one is under way. A job that fails is tried again by a later tick. */
function run(ctx: Context, inFlight: InFlight, key: string, job: () => Promise<void>): void {
  if (inFlight.busy.has(key)) return
  inFlight.busy.add(key)
  const work = job()
    .catch((error: unknown) => ctx.log.error({ err: error, job: key }, 'a job of the scheduler failed; it will be tried again'))
    .finally(() => {
      inFlight.busy.delete(key)
      inFlight.all.delete(work)
      ctx.wake()
    })
  inFlight.all.add(work)
}
