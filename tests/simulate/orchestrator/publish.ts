import type { ForgePull } from '../../../packages/orchestrator/src/ports/forge.ts'
import { ForgeError } from '../../../packages/orchestrator/src/ports/forge.ts'
import { decidePull, nextTry } from '../../../packages/orchestrator/src/publish/decide.ts'
import { ask, type Job } from '../kernel/call.ts'
import { asRefused, Refused } from '../kernel/refused.ts'
import { isSameWork, loadOwed, setEffect } from '../store/effects.ts'
import { changeItem, recordEvent } from '../store/items.ts'
import type { EffectRow } from '../store/rows.ts'
import type { Orchestrator } from './process.ts'

/** `publish/publish.ts`: every step looks before it acts, and it can be killed between any two of them. */
export function* publishPullRequest(orchestrator: Orchestrator, epoch: number, effect: EffectRow): Job {
  try {
    yield* finish(orchestrator, epoch, effect, yield* openPull(orchestrator, epoch, effect))
  } catch (error) {
    const refused = asRefused(error)
    if (refused.code === 'not_owed') return
    yield* noteFailure(orchestrator, epoch, effect, refused)
  }
}

function* onForge<T>(orchestrator: Orchestrator, epoch: number, what: string, carryOut: () => T): Job<T> {
  orchestrator.assert(epoch)
  return yield* ask('forge', what, carryOut)
}

function* stillOwed(orchestrator: Orchestrator, effect: EffectRow): Job {
  const { db, kernel } = orchestrator.world
  const row = yield* ask('database', 'load_owed', () => db.read(() => loadOwed(db, effect.id)))
  if (row && isSameWork(row.payload, effect.payload)) return
  kernel.count('refused: no longer owed')
  throw new Refused('not_owed', 'the pull request is not owed any more')
}

function* openPull(orchestrator: Orchestrator, epoch: number, effect: EffectRow): Job<ForgePull> {
  const { forge } = orchestrator.world
  const { repo, branch, headSha } = effect.payload
  const find = () => onForge(orchestrator, epoch, 'find_pulls', () => forge.findPulls(repo, branch))
  const before = decidePull(yield* find())
  if (before.do === 'keep') return before.pull
  if (before.do === 'update' && before.reopen) {
    yield* placeBranch(orchestrator, epoch, effect, before.pull.headSha)
    yield* stillOwed(orchestrator, effect)
    yield* onForge(orchestrator, epoch, 'reopen_pull', () => forge.updatePull(before.pull.number, { state: 'open' }))
  }
  yield* placeBranch(orchestrator, epoch, effect, headSha)
  const step = decidePull(yield* find())
  if (step.do === 'keep') return step.pull
  yield* stillOwed(orchestrator, effect)
  if (step.do === 'create') return yield* onForge(orchestrator, epoch, 'create_pull', () => forge.createPull(repo, branch, effect.itemId))
  return yield* onForge(orchestrator, epoch, 'update_pull', () => forge.updatePull(step.pull.number, step.reopen ? { state: 'open' } : {}))
}

/** Conflicts in a row with which somebody else must be pushing to the branch. */
const MAX_CONFLICTS = 3

function* placeBranch(orchestrator: Orchestrator, epoch: number, effect: EffectRow, sha: string): Job {
  const { forge } = orchestrator.world
  const { repo, branch } = effect.payload
  let expected = yield* onForge(orchestrator, epoch, 'branch_head', () => forge.branchHead(repo, branch))
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    yield* stillOwed(orchestrator, effect)
    const from = expected
    const moved = yield* onForge(orchestrator, epoch, 'move_branch', () => forge.moveBranch(repo, branch, sha, from))
    if (moved.kind === 'moved') return
    expected = moved.actual
  }
  throw new Refused('unknown', `${branch} was moved by somebody else`)
}

function* finish(orchestrator: Orchestrator, epoch: number, effect: EffectRow, pull: ForgePull): Job {
  const { db } = orchestrator.world
  const at = orchestrator.now()
  yield* orchestrator.transact({ epoch }, 'publish_finish', () => {
    const row = db.effect(effect.id)
    if (!isSameWork(row.payload, effect.payload)) return
    if (row.status === 'pending') {
      setEffect(db, row, { status: 'done', attempts: row.attempts + 1 })
      recordEvent(db, 'effect.done', effect.itemId, null)
    }
    if (db.item(effect.itemId).status === 'publishing') changeItem(db, effect.itemId, 'completed', { pullNumber: pull.number, completedAt: at }, 'work.status', null)
  })
}

function* noteFailure(orchestrator: Orchestrator, epoch: number, effect: EffectRow, refused: Refused): Job {
  const { db, kernel } = orchestrator.world
  const at = orchestrator.now()
  const code = refused.code === 'rate_limited' || refused.code === 'validation' || refused.code === 'unreachable' ? refused.code : refused.code === 'lost' ? 'unreachable' : 'unknown'
  const error = new ForgeError(code, refused.message, { retryAt: refused.retryAt === null ? undefined : new Date(refused.retryAt) })
  yield* orchestrator.transact({ epoch }, 'publish_failed', () => {
    const row = db.effect(effect.id)
    if (row.status !== 'pending' || !isSameWork(row.payload, effect.payload)) return
    const next = nextTry(row.attempts + 1, error, new Date(at), new Date(row.owedSince))
    kernel.count(`publishing ${code} → ${next === null ? 'given up' : 'again'}`)
    if (next !== null && error.retryAt !== null) setEffect(db, row, { nextAttemptAt: next.getTime() })
    else setEffect(db, row, { attempts: row.attempts + 1, status: next === null ? 'failed' : 'pending', nextAttemptAt: next === null ? 0 : next.getTime() })
    recordEvent(db, 'effect.failed', effect.itemId, null)
    if (next !== null || db.item(effect.itemId).status !== 'publishing') return
    changeItem(db, effect.itemId, 'failed', { failureCode: code, failureMessage: `its pull request could not be opened: ${refused.message}. A retry takes up there.` }, 'work.status', null)
  })
}
