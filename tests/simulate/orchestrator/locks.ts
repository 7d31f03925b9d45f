import { isLiveRun } from '@factory/shared'
import { ask, type Job } from '../kernel/call.ts'
import { Refused } from '../kernel/refused.ts'
import type { Author } from '../store/database.ts'
import { recordEvent } from '../store/items.ts'
import { dropMirrored, loadMirrored, mirrorLocks, noteReleased } from '../store/locks.ts'
import { quietly, type Orchestrator } from './process.ts'

/** `locks/acquire.ts`: the table answers first, its mirror in the database has the last word, whichever way. */
export function* acquireLocks(orchestrator: Orchestrator, runId: number, token: number, paths: readonly string[]): Job<boolean> {
  const { db, locks, kernel, settings } = orchestrator.world
  const { repo } = db.run(runId)
  const taken = yield* ask('locks', 'acquire', () => locks.acquire(repo, paths, runId))
  const at = orchestrator.now()
  const author: Author = { epoch: null, speaker: { runId, token } }
  const giveBack = (before: readonly string[]) => quietly(ask('locks', 'release', () => locks.release(repo, paths.filter((path) => !before.includes(path)), runId)))
  const { granted, before, ended } = yield* orchestrator.transact(author, 'mirror_locks', () => {
    const run = db.run(runId)
    if (!isLiveRun(run.status) && !settings.without.has('recheck')) return { granted: false, before: [], ended: true }
    const before = loadMirrored(db, runId)
    const mirrored = mirrorLocks(db, run, paths, at) === paths.length
    const granted = settings.without.has('mirror') ? taken : mirrored
    if (granted) db.write(run, { ghost: { ...run.ghost, granted: run.ghost.granted.union(new Set(paths)) } })
    recordEvent(db, granted ? 'lock.acquired' : 'lock.denied', run.itemId, runId)
    return { granted, before, ended: false }
  })
  kernel.count(granted ? (taken ? 'locks granted' : 'locks granted against the table') : ended ? 'locks refused: the run has ended' : taken ? 'locks denied by the mirror' : 'locks denied by both')
  if (!granted && taken) yield* giveBack(before)
  if (ended) throw new Refused('stale_token', `run ${runId} has ended`)
  return granted
}

/** `locks/release-run.ts`: gives back all that a run holds, in the table and in its mirror. */
export function* releaseRunLocks(orchestrator: Orchestrator, epoch: number | null, runId: number): Job {
  const { db, locks } = orchestrator.world
  const paths = yield* ask('database', 'load_mirrored', () => db.read(() => loadMirrored(db, runId)))
  if (paths.length === 0) return
  const run = db.run(runId)
  yield* ask('locks', 'release', () => locks.release(run.repo, paths, runId))
  yield* orchestrator.transact({ epoch }, 'drop_mirrored', () => {
    dropMirrored(db, run, paths)
    noteReleased(db, runId)
    recordEvent(db, 'lock.released', run.itemId, runId)
  })
}

/** `locks/renew-run.ts`: those that the table lost are taken again. */
export function* renewRunLocks(orchestrator: Orchestrator, runId: number, paths: readonly string[]): Job {
  if (paths.length === 0) return
  const { db, locks } = orchestrator.world
  const { repo } = db.run(runId)
  const renewed = yield* ask('locks', 'renew', () => locks.renew(repo, paths, runId))
  if (renewed === paths.length) return
  orchestrator.world.kernel.count('locks rebuilt by a heartbeat')
  yield* ask('locks', 'acquire', () => locks.acquire(repo, paths, runId))
}
