import { RunKind, RunStatus } from '@factory/shared'
import type { Context } from '../context.ts'
import { dueEffects, type EffectRow } from '../publish/due.ts'
import { publishPullRequest } from '../publish/publish.ts'
import { cleanWorker, endRun } from '../workers/finish.ts'
import { isNotLeading } from '../db/refusal.ts'
import { startRun } from '../workers/start.ts'
import { unsettledRuns } from '../workers/unsettled.ts'
import type { WorkerState } from '../ports/worker-runtime.ts'
import { readLimits } from '../budget/limits.ts'
import { underEpoch } from '../leader/under.ts'
import { admitWaiting } from './admit.ts'
import { decide, effectKey, runKey, workerKey, type Action } from './decide.ts'
import type { Admission } from './store.ts'

/** Long work of the scheduler goes on between ticks; this keeps one thing from being done twice. */
export type InFlight = { busy: Set<string>; all: Set<Promise<void>>; suspectSince: Date | null }
export const newInFlight = (): InFlight => ({ busy: new Set(), all: new Set(), suspectSince: null })

/** `admission`: why no more was admitted, or the last that was. */
export type TickReport = { leads: boolean; actions: number; admission: Admission | null; engine: boolean }

/** Loads one snapshot, decides, and sets everything decided in motion. Only a leader does anything. */
export async function tick(world: Context, inFlight: InFlight): Promise<TickReport> {
  const epoch = world.leader.epoch()
  if (epoch === null) return { leads: false, actions: 0, admission: null, engine: false }
  const ctx = underEpoch(world, epoch)
  // The engine is asked before the database: a worker that is seen exited here reported its end, if it
  // did, before it exited, so the runs read afterwards know of it.
  // What was under way when it was asked may have changed what it would say now.
  const before = new Set(inFlight.busy)
  const workers = await listWorkers(ctx)
  const runs = await unsettledRuns(ctx)
  const effects = await dueEffects(ctx, 20)
  const { maxWorkers } = await readLimits(ctx)
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
    leasesCountFrom: ctx.leader.leasesCountFrom(),
    suspectSince: inFlight.suspectSince,
    slots: Math.max(0, maxWorkers.value - live),
  }
  const actions = decide(snapshot, ctx.clock.now())
  inFlight.suspectSince = null
  let admission: Admission | null = null
  for (const action of actions) {
    if (action.do === 'admit') admission = await admit(ctx, inFlight, action.atMost)
    else interpret(ctx, inFlight, action, effects)
  }
  return { leads: true, actions: actions.length, admission, engine: workers !== null }
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
  const admissions = await admitWaiting(ctx, atMost)
  for (const { runId } of admissions) if (runId !== null) run(ctx, inFlight, runKey(runId), () => startRun(ctx, runId))
  const last = admissions.at(-1) ?? null
  // it stopped for length: what is ready may stand just behind
  if (last?.outcome === 'again') ctx.wake()
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
    case 'suspect':
      inFlight.suspectSince = action.since
      ctx.log.warn({ since: action.since }, `${action.reason}; nothing is given up before another look`)
      return
    default:
      return action satisfies never
  }
}

/** Starts a job unless the same one is under way. A job that fails is tried again by a later tick. */
function run(ctx: Context, inFlight: InFlight, key: string, job: () => Promise<void>): void {
  if (inFlight.busy.has(key)) return
  inFlight.busy.add(key)
  const failed = (error: unknown): false => {
    if (isNotLeading(error)) ctx.log.warn({ job: key }, 'another orchestrator leads now; this job is its to do')
    else ctx.log.error({ err: error, job: key }, 'a job of the scheduler failed; it will be tried again')
    return false
  }
  const work = job().then(() => true, failed).then((done) => {
    inFlight.busy.delete(key)
    inFlight.all.delete(work)
    // what failed has the tick's second to mend; at once it would only fail again
    if (done) ctx.wake()
  })
  inFlight.all.add(work)
}
