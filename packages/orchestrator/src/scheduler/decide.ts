import type { RunKind, RunStatus } from '@factory/shared'
import type { WorkerState } from '../ports/worker-runtime.ts'

/** A run that is live, or ended but not cleaned up after. */
export type RunView = {
  id: number
  itemId: number
  kind: RunKind
  status: RunStatus
  worker: string
  leaseExpiresAt: Date
  cancel: { code: 'cancelled' | 'killed'; reason: string } | null
}

export type Snapshot = {
  runs: readonly RunView[]
  /** null: the engine does not answer, and nothing may be concluded from it. */
  workers: readonly WorkerState[] | null
  /** Jobs of this process that were under way when the engine was asked, or are now (see {@link runKey}). */
  busy: ReadonlySet<string>
  effects: readonly number[]
  /**
   * No lease counts as run out before this: while nobody was here to take heartbeats (the orchestrator
   * was away), silence proves nothing, and the workers get a lease's length to be heard again.
   */
  leasesCountFrom: Date
  /** How many runs may be admitted at most in this tick. */
  slots: number
  /** Since when most workers have seemed dead at once; null: they do not. */
  suspectSince: Date | null
}

export type Action =
  | { do: 'start'; runId: number; reason: string }
  /** `seen`: the engine shows that its worker has ended; otherwise it is concluded from silence. */
  | { do: 'end'; runId: number; worker: string; seen: boolean; as: 'cancelled' | 'lost'; code: 'cancelled' | 'killed' | 'lease_expired' | 'worker_exited'; reason: string }
  | { do: 'clean'; runId: number | null; worker: string; alive: boolean; reason: string }
  | { do: 'admit'; atMost: number; reason: string }
  | { do: 'publish'; effectId: number; reason: string }
  /** Most workers seem dead at once: look again before believing it. */
  | { do: 'suspect'; since: Date; reason: string }

/** Names of the jobs that must not be done twice at a time. */
export const runKey = (runId: number): string => `run:${runId}`
export const workerKey = (name: string): string => `worker:${name}`
export const effectKey = (effectId: number): string => `effect:${effectId}`

/** For how long it waits and looks again when most workers seem dead at once. Seconds. */
export const LOOK_AGAIN_SECONDS = 30
/** Fewer than this that only missed their lease, with a container that is there, are believed at once: a single worker that froze must not cost half a minute. */
const MASS = 3
/**
 * What is to be done now. Which item is admitted is the database's choice alone, so that no snapshot
 * can be too old for it; a silent engine stops everything that reads meaning into missing workers.
 */
export function decide(snapshot: Snapshot, now: Date): Action[] {
  const actions: Action[] = snapshot.effects.map((effectId) => ({ do: 'publish', effectId, reason: 'a pull request is owed' }))
  if (snapshot.workers === null) return actions
  const workers = new Map(snapshot.workers.map((worker) => [worker.name, worker]))
  const known = new Set<string>()
  const aboutLive: Action[] = []
  let live = 0
  for (const run of snapshot.runs) {
    known.add(run.worker)
    const isLive = run.status === 'starting' || run.status === 'running'
    if (isLive) live++
    if (snapshot.busy.has(runKey(run.id))) continue
    const worker = workers.get(run.worker)
    const action = isLive ? decideLive(run, worker, now >= snapshot.leasesCountFrom ? now : null) : decideEnded(run, worker)
    if (action) (isLive ? aboutLive : actions).push(action)
  }
  actions.push(...believe(aboutLive, live, snapshot.suspectSince, now))
  for (const worker of snapshot.workers) {
    if (known.has(worker.name) || snapshot.busy.has(workerKey(worker.name))) continue
    actions.push({ do: 'clean', runId: null, worker: worker.name, alive: worker.status !== 'exited', reason: 'no run needs this worker' })
  }
  if (snapshot.slots > 0) actions.push({ do: 'admit', atMost: snapshot.slots, reason: `${snapshot.slots} slots are free` })
  return actions
}

/**
 * When most workers seem dead at once, it is more likely that something between us and them is: an engine that
 * starts again and shows not all of its containers yet, a network, a clock. Then nothing is given up until a
 * later look says the same.
 */
function believe(actions: Action[], live: number, suspectSince: Date | null, now: Date): Action[] {
  // An end that the engine shows is believed: it is silence that can be somebody else's.
  const silent = (action: Action) => action.do === 'end' && action.as === 'lost' && !action.seen
  const lost = actions.filter(silent)
  const gone = lost.some((action) => action.do === 'end' && action.code === 'worker_exited')
  if (lost.length * 2 <= live || (!gone && lost.length < MASS)) return actions
  const since = suspectSince ?? now
  const suspect: Action = { do: 'suspect', since, reason: `${lost.length} of ${live} workers are silent or gone at once` }
  if (now.getTime() - since.getTime() >= LOOK_AGAIN_SECONDS * 1000) return [...actions, suspect]
  return [...actions.filter((action) => !silent(action)), suspect]
}

/** `now` is null while leases do not count. */
function decideLive(run: RunView, worker: WorkerState | undefined, now: Date | null): Action | null {
  const end = { do: 'end', runId: run.id, worker: run.worker, seen: worker?.status === 'exited' } as const
  if (run.cancel) return { ...end, as: 'cancelled', code: run.cancel.code, reason: run.cancel.reason }
  if (now !== null && run.leaseExpiresAt <= now) return { ...end, as: 'lost', code: 'lease_expired', reason: 'no heartbeat for the length of its lease' }
  if (worker?.status === 'exited') {
    const how = worker.outOfMemory ? 'out of memory' : worker.exitCode === null ? 'by a signal' : `with exit code ${worker.exitCode}`
    return { ...end, as: 'lost', code: 'worker_exited', reason: `the worker ended ${how} and reported nothing` }
  }
  if (worker) return null
  // Committed, but its worker was never made (this process died in between): make it now.
  if (run.status === 'starting') return { do: 'start', runId: run.id, reason: 'admitted, and has no worker yet' }
  return { ...end, as: 'lost', code: 'worker_exited', reason: 'the worker is gone' }
}

function decideEnded(run: RunView, worker: WorkerState | undefined): Action {
  return { do: 'clean', runId: run.id, worker: run.worker, alive: worker !== undefined && worker.status !== 'exited', reason: `its run has ended (${run.status})` }
}
