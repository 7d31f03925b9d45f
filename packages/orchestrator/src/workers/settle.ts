import { parseSpec, reconcileSpec, RunKind, type NewLearning, type RalphEvent, type Usage, type WorkStatus } from '@factory/shared'
import { judgeCanary, pauseAccount } from '../budget/pause-account.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../db/connect.ts'
import { recordEvent } from '../events/record.ts'
import { releaseRunLocks } from '../locks/release-run.ts'
import { recordPullRequest } from '../publish/record.ts'
import { backfillEmbeddings } from '../learnings/backfill.ts'
import { saveLearnings } from '../learnings/save.ts'
import { transact } from '../transact.ts'
import { lockItem } from '../work/lock.ts'
import { moveItem } from '../work/move.ts'
import { noteOnItem, type ItemPatch } from '../work/note.ts'
import type { ItemRow } from '../work/view.ts'
import { decideNext, type Ending, type Next } from './decide.ts'
import { keepEvents } from './keep-events.ts'
import { pushRef } from './refs.ts'
import { callEnd, lockRun } from './store.ts'
import type { RunRow } from './view.ts'

export type Settlement = Ending & {
  usage?: Usage | undefined
  events?: readonly RalphEvent[]
  learnings?: readonly NewLearning[]
  summary?: string | undefined
  logTail?: string | undefined
  /**
   * When the run was last heard of, as far as whoever ends it knows; it is ended only if that is still so. For
   * endings that the run does not report itself: a late call can have made its worker, or registered it, since.
   */
  heardAt?: Date | null
}

export type Settled = {
  /** false: the run had ended before; nothing was changed. */
  changed: boolean
  runStatus: string
  itemStatus: string
}

/**
 * Ends a run and moves its item on, in one transaction, whoever reports it. Of several reports of the
 * same end the first counts and the others are told what became of it, so that "stuck" followed by
 * "fail" can never hang an item.
 */
export async function settleRun(ctx: Context, run: { id: number; itemId: number; token: number | null }, settlement: Settlement): Promise<Settled> {
  const at = ctx.clock.now()
  const settled = await transact(ctx, async (tx): Promise<Settled & { repo: string; kind: string; seconds: number }> => {
    const item = await lockItem(tx, run.itemId)
    const row = await lockRun(tx, run.id)
    if (!item || !row) throw new Error(`run ${run.id} has no row`)
    if (settlement.heardAt !== undefined && settlement.heardAt?.getTime() !== row.heartbeat_at?.getTime()) return { changed: false, runStatus: row.status, itemStatus: item.status, repo: row.repo, kind: row.kind, seconds: 0 }
    const ending = askedFor(item, row, settlement)
    const { report = null, headSha, baseSha } = ending
    const ended = await callEnd(tx, run, { status: ending.status, outcome: ending.outcome, report, usage: settlement.usage, headSha, baseSha, logTail: settlement.logTail, at })
    if (!ended) return { changed: false, runStatus: row.status, itemStatus: item.status, repo: row.repo, kind: row.kind, seconds: 0 }
    await keepEvents(tx, row, settlement.events ?? [], at)
    if (row.kind === 'verify' && ending.report) {
      await recordEvent(tx, { type: 'run.verified', itemId: item.id, runId: row.id, data: { passed: ending.report.passed, reason: ending.report.reason } })
    }
    await saveLearnings(tx, { repo: row.repo, itemId: item.id, runId: row.id, learnings: settlement.learnings ?? [], at })
    const kind = RunKind.parse(row.kind)
    const next = decideNext(
      { status: item.status, attempts: item.attempts, maxAttempts: item.max_attempts, losses: item.losses },
      { kind, iterationsGranted: row.iterations_granted, iterationsUsed: settlement.usage?.iterations ?? row.iterations, maxIterations: kind === 'spec' ? 1 : ctx.config.MAX_ITERATIONS },
      ending,
      { retryBackoffSeconds: ctx.config.RETRY_BACKOFF_SECONDS, maxLosses: ctx.config.MAX_LOSSES },
      at,
    )
    // Of an item that another run speaks for by now (it was taken up again meanwhile) nothing is changed.
    const moved = item.current_run_id === row.id ? await apply(tx, item, row, { ...workInProgress(item, row, ending, settlement), current_run_id: null }, next, at) : item.status
    await tellAccount(tx, row, ending, next, at)
    return { changed: true, runStatus: ending.status, itemStatus: moved, repo: row.repo, kind: row.kind, seconds: (at.getTime() - row.started_at.getTime()) / 1000 }
  })
  if (settled.changed) {
    ctx.metrics.runFinished({ kind: settled.kind, status: settled.runStatus, seconds: settled.seconds })
    await releaseRunLocks(ctx, { repo: settled.repo, runId: run.id, itemId: run.itemId }).catch((error: unknown) =>
      ctx.log.warn({ err: error, runId: run.id }, 'locks were not given back; cleaning up after the run tries again'),
    )
    if (settlement.learnings && settlement.learnings.length > 0) await backfillEmbeddings(ctx)
  }
  return { changed: settled.changed, runStatus: settled.runStatus, itemStatus: settled.itemStatus }
}

/** The account's limit is reached, or this run tried the account and shows whether the model answers again. */
async function tellAccount(tx: Tx, run: RunRow, ending: Ending, next: Next, at: Date): Promise<void> {
  const about = { account: run.account, runId: run.id, itemId: run.item_id }
  if (next.to === 'again' && next.waitCode === 'usage_limit' && next.notBefore) await pauseAccount(tx, { ...about, until: next.notBefore, reason: next.reason })
  else await judgeCanary(tx, { ...about, answered: MODEL_ANSWERED.includes(ending.status), at })
}

/** Endings to which a run comes only after the model has answered it. */
const MODEL_ANSWERED: readonly Ending['status'][] = ['succeeded', 'stuck']

/**
 * A run that was asked to end ended for that reason, whatever it or the engine says of it. One that had come to its
 * end before it heard of it counts as done, unless its item was taken up anew meanwhile: the next run goes on from
 * what it pushed.
 */
function askedFor(item: ItemRow, row: RunRow, ending: Settlement): Ending {
  if (row.cancel_code === null || (ending.status === 'succeeded' && item.status === STATE_OF[RunKind.parse(row.kind)])) return ending
  return { ...ending, status: 'cancelled', outcome: { code: row.cancel_code === 'killed' ? 'killed' : 'cancelled', message: row.cancel_reason ?? 'asked for', until: null } }
}

/** What an item is while a run of this kind works on it. */
const STATE_OF = { spec: 'drafting', build: 'in_progress', verify: 'verifying' } as const satisfies Record<RunKind, WorkStatus>

/**
 * What the next run goes on from. A verify run changes nothing; a build run's last push counts, whatever its
 * end. Of the spec that a build brings only its ticks are taken: its agent could have written the rest, and
 * the clean room judges by what was asked for.
 */
function workInProgress(item: ItemRow, row: RunRow, ending: Ending, settlement: Settlement) {
  const sha = ending.headSha ?? row.head_sha
  const base = ending.baseSha ?? row.base_sha
  return {
    ...(row.kind === 'build' && sha && base ? { wip_ref: pushRef(row.item_id, row.token), wip_sha: sha, base_sha: base } : {}),
    ...(row.kind === 'build' && ending.status === 'succeeded' ? { summary: settlement.summary ?? null } : {}),
    ...(row.kind === 'build' && ending.status === 'succeeded' && ending.spec && item.spec ? { spec: reconcileSpec(item.spec, ending.spec).markdown } : {}),
    ...(row.kind === 'verify' && ending.report ? { evidence: ending.report } : {}),
  }
}

/** Carries out what follows: one move with everything that goes with it, or one note. */
async function apply(tx: Tx, item: ItemRow, run: RunRow, facts: ItemPatch, next: Next, at: Date): Promise<string> {
  const move = async (to: WorkStatus, reason: string, set: ItemPatch = {}) => (await moveItem(tx, item, to, { runId: run.id, reason, set: { ...facts, ...set }, at })).status
  const stay = async (reason: string, set: ItemPatch = {}) =>
    (await noteOnItem(tx, item, { ...facts, ...set }, at, { type: 'work.noted', runId: run.id, data: { fields: Object.keys({ ...facts, ...set }), reason } })).status
  switch (next.to) {
    case 'nothing':
      return stay(next.reason)
    case 'queue':
      return move('queued', next.reason, { spec: next.spec, files: parseSpec(next.spec).files.slice(0, 200) })
    case 'verify':
      return move('verifying', next.reason)
    case 'publish': {
      const moved = await moveItem(tx, item, 'publishing', { runId: run.id, reason: next.reason, set: facts, at })
      await recordPullRequest(tx, moved, { at })
      return moved.status
    }
    case 'ask':
      return move('needs_input', next.reason, { question: next.question })
    case 'fail':
      return move('failed', next.message, { failure_code: next.code, failure_message: next.message, attempts: item.attempts + 1 })
    case 'again': {
      const set = {
        attempts: item.attempts + (next.counts === 'attempt' ? 1 : 0),
        losses: item.losses + (next.counts === 'loss' ? 1 : 0),
        not_before: next.notBefore,
        wait_code: next.waitCode,
        wait_message: next.waitCode === null ? null : next.reason,
      }
      // A lost verification is verified again; a failed one goes back to be built.
      const to = item.status === 'drafting' ? 'drafting' : item.status === 'verifying' && next.counts !== 'attempt' ? 'verifying' : 'queued'
      return to === item.status ? stay(next.reason, set) : move(to, next.reason, set)
    }
    default:
      return next satisfies never
  }
}
