import type { RunKind } from '@factory/shared'
import { ask, type Job } from '../kernel/call.ts'
import { Refused } from '../kernel/refused.ts'
import type { Author } from '../store/database.ts'
import { changeItem } from '../store/items.ts'
import { lockSpeakingRun, registerRun, renewRun, speakFor } from '../store/runs.ts'
import { settle, type Settled, type Settlement } from '../store/settle.ts'
import { acquireLocks, releaseRunLocks, renewRunLocks } from './locks.ts'
import { quietly, type Orchestrator } from './process.ts'

export type RunRef = { id: number; itemId: number; token: number }
export type Assignment = { kind: RunKind; granted: number; repo: string; resume: string | null }

const authorOf = (ref: RunRef): Author => ({ epoch: null, speaker: { runId: ref.id, token: ref.token } })

/** `workers/register.ts`: the files that the spec names are locked here; when somebody holds one, the run is over before it cost anything. */
export function* register(orchestrator: Orchestrator, ref: RunRef): Job<Assignment> {
  const { db } = orchestrator.world
  const at = orchestrator.now()
  const { run, files, resume } = yield* orchestrator.transact(authorOf(ref), 'register_run', () => {
    const run = speakFor(db, ref.id, ref.token)
    if (!registerRun(db, ref.id, ref.token, at)) db.kernel.count('registered again')
    const item = db.item(run.itemId)
    return { run: { kind: run.kind, granted: run.granted, repo: run.repo }, files: item.files, resume: item.wipSha }
  })
  if (run.kind === 'build' && files.length > 0 && !(yield* acquireLocks(orchestrator, ref.id, ref.token, files))) {
    const ended = yield* end(orchestrator, ref, { status: 'paused', outcome: { code: 'lock_conflict', message: 'a file is held by another run', until: null }, iterations: 0, heardAt: at })
    if (!ended.changed) throw new Refused('conflict', 'a later registration decides')
    throw new Refused('stale_token', 'this run has ended and its item waits')
  }
  return { ...run, resume }
}

/** `workers/heartbeat.ts` */
export function* heartbeat(orchestrator: Orchestrator, ref: RunRef, told: { iterations: number; headSha: string | null; baseSha: string | null }): Job<{ cancel: boolean }> {
  const { db } = orchestrator.world
  const at = orchestrator.now()
  const renewed = yield* ask('database', 'renew_run', () =>
    db.transact(authorOf(ref), () => {
      if (told.headSha === null) return renewRun(db, ref.id, ref.token, at, told)
      const run = speakFor(db, ref.id, ref.token)
      const renewed = renewRun(db, ref.id, ref.token, at, told)
      if (run.kind === 'build' && told.baseSha && told.headSha !== db.item(ref.itemId).wipSha) changeItem(db, ref.itemId, null, { wipSha: told.headSha, baseSha: told.baseSha }, 'work.noted', ref.id)
      return renewed
    }),
  )
  yield* quietly(renewRunLocks(orchestrator, ref.id, renewed.paths))
  return { cancel: renewed.cancel !== null }
}

/** `workers/end.ts`: the worker says how its run ended. */
export function* end(orchestrator: Orchestrator, ref: RunRef, settlement: Settlement): Job<Settled> {
  const { world } = orchestrator
  const at = orchestrator.now()
  const pull = world.settings.without.has('outbox') && settlement.report?.passed ? yield* openDirectly(orchestrator, ref) : null
  const settled = yield* orchestrator.transact(authorOf(ref), 'settle', () => settle(world.db, ref.id, ref.token, settlement, at))
  if (settled.changed && pull !== null) {
    yield* orchestrator.transact({ epoch: null }, 'complete_directly', () => void changeItem(world.db, ref.itemId, 'completed', { pullNumber: pull, completedAt: at }, 'work.status', null))
  }
  if (settled.changed) yield* quietly(releaseRunLocks(orchestrator, null, ref.id))
  return settled
}

/** What there was before the outbox: the report opens the pull request on its way. */
function* openDirectly({ world }: Orchestrator, ref: RunRef): Job<number> {
  const item = world.db.item(ref.itemId)
  const branch = `factory/${item.id}-${ref.token}`
  yield* ask('forge', 'move_branch', () => world.forge.moveBranch(item.repo, branch, item.wipSha ?? '', null))
  return (yield* ask('forge', 'create_pull', () => world.forge.createPull(item.repo, branch, item.id))).number
}

/** `workers/lock.ts` */
export function* lockPaths(orchestrator: Orchestrator, ref: RunRef, paths: readonly string[]): Job<boolean> {
  const { db } = orchestrator.world
  yield* ask('database', 'speak_for', () => db.transact(authorOf(ref), () => void speakFor(db, ref.id, ref.token)))
  return yield* acquireLocks(orchestrator, ref.id, ref.token, paths)
}

/** `workers/authorize.ts`, which the gateway asks at each push. */
export function* authorize(orchestrator: Orchestrator, ref: RunRef): Job<null> {
  const { db } = orchestrator.world
  yield* ask('database', 'authorize', () => db.read(() => void lockSpeakingRun(db, ref.id, ref.token)))
  return null
}
