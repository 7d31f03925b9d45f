import { parseSpec, type WorkStatus } from '@factory/shared'
import { decideNext, type Ending, type Next } from '../../../packages/orchestrator/src/workers/decide.ts'
import { judgeCanary, pauseAccount } from './account.ts'
import type { Database } from './database.ts'
import { recordPullRequest } from './effects.ts'
import { changeItem } from './items.ts'
import type { ItemPatch, ItemRow, RunRow } from './rows.ts'
import { endRun } from './runs.ts'

/** `heardAt`: ended only if nothing was heard of the run since. */
export type Settlement = Ending & { iterations: number; heardAt?: number | null }
export type Settled = { changed: boolean; itemStatus: WorkStatus }

/**
 * The transaction of `workers/settle.ts`: ends a run and moves its item on, whoever reports it. What follows is
 * the real `decideNext`'s to say.
 */
export function settle(db: Database, runId: number, token: number | null, given: Settlement, at: number): Settled {
  const run = db.run(runId)
  const item = db.item(run.itemId)
  if (given.heardAt !== undefined && given.heardAt !== run.heartbeatAt) {
    db.kernel.count('refused ending: heard of since')
    return { changed: false, itemStatus: item.status }
  }
  const ending = askedFor(run, given)
  if (!endRun(db, runId, token, { status: ending.status, iterations: given.iterations, headSha: ending.headSha ?? null, baseSha: ending.baseSha ?? null, at })) {
    db.kernel.count('ending told twice')
    return { changed: false, itemStatus: item.status }
  }
  const { settings } = db
  const next = decideNext(
    { status: item.status, attempts: item.attempts, maxAttempts: item.maxAttempts, losses: item.losses },
    { kind: run.kind, iterationsGranted: run.granted, iterationsUsed: run.iterations, maxIterations: run.kind === 'spec' ? 1 : settings.maxIterations },
    ending,
    { retryBackoffSeconds: settings.backoffSeconds, maxLosses: settings.maxLosses },
    new Date(at),
  )
  db.kernel.count(`ending ${ending.status} → ${next.to}${next.to === 'again' ? ` (${next.counts})` : ''}`)
  if (item.currentRunId === run.id) apply(db, item, run, { ...workInProgress(run, ending), currentRunId: null }, next, at)
  if (next.to === 'again' && next.waitCode === 'usage_limit' && next.notBefore) pauseAccount(db, next.notBefore.getTime(), item.id, run.id)
  else judgeCanary(db, run.id, item.id, ending.status === 'succeeded' || ending.status === 'stuck', at)
  return { changed: true, itemStatus: item.status }
}

/** A run that was asked to end ended for that reason, whatever it or the engine says of it. */
function askedFor(run: RunRow, ending: Settlement): Ending {
  if (run.cancel === null || ending.status === 'succeeded') return ending
  return { ...ending, status: 'cancelled', outcome: { code: run.cancel.code, message: run.cancel.reason, until: null } }
}

function workInProgress(run: RunRow, ending: Ending): ItemPatch {
  const sha = ending.headSha ?? run.headSha
  const base = ending.baseSha ?? run.baseSha
  return {
    ...(run.kind === 'build' && sha && base ? { wipSha: sha, baseSha: base } : {}),
    ...(run.kind === 'verify' && ending.report ? { evidence: true } : {}),
  }
}

function apply(db: Database, item: ItemRow, run: RunRow, facts: ItemPatch, next: Next, at: number): void {
  const move = (to: WorkStatus, set: ItemPatch = {}) => changeItem(db, item.id, to, { ...facts, ...set }, 'work.status', run.id)
  const stay = (set: ItemPatch = {}) => changeItem(db, item.id, null, { ...facts, ...set }, 'work.noted', run.id)
  switch (next.to) {
    case 'nothing':
      return void stay()
    case 'queue':
      return void move('queued', { spec: next.spec, files: parseSpec(next.spec).files })
    case 'verify':
      return void move('verifying')
    case 'publish':
      move('publishing')
      if (!db.settings.without.has('outbox')) recordPullRequest(db, item, at)
      return
    case 'ask':
      return void move('needs_input', { question: next.question })
    case 'fail':
      return void move('failed', { failureCode: next.code, failureMessage: next.message, attempts: item.attempts + 1 })
    case 'again': {
      const set: ItemPatch = {
        attempts: item.attempts + (next.counts === 'attempt' ? 1 : 0),
        losses: item.losses + (next.counts === 'loss' ? 1 : 0),
        notBefore: next.notBefore === null ? null : next.notBefore.getTime(),
        waitCode: next.waitCode,
      }
      const to = item.status === 'drafting' ? 'drafting' : item.status === 'verifying' && next.counts !== 'attempt' ? 'verifying' : 'queued'
      return void (to === item.status ? stay(set) : move(to, set))
    }
    default:
      return next satisfies never
  }
}
