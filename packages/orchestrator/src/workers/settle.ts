import { isLiveRun, parseSpec, reconcileSpec, RunKind, RunStatus, type NewLearning, type RalphEvent, type Usage } from '@factory/shared'
import { pauseAccount } from '../budget/pause-account.ts'
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
import { noteOnItem } from '../work/note.ts'
import type { ItemRow } from '../work/view.ts'
import { bookUsage } from './book-usage.ts'
import { decideNext, type Ending, type Next } from './decide.ts'
import { pushRef } from './refs.ts'
import { finishRun, lockRun } from './store.ts'
import type { RunRow } from './view.ts'

export type Settlement = Ending & {
  usage?: Usage | undefined
  events?: readonly RalphEvent[]
  learnings?: readonly NewLearning[]
  summary?: string | undefined
  logTail?: string | undefined
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
export async function settleRun(ctx: Context, run: { id: number; itemId: number }, settlement: Settlement): Promise<Settled> {
  const at = ctx.clock.now()
  const settled = await transact(ctx, async (tx): Promise<Settled & { repo: string; kind: string; seconds: number }> => {
    const item = await lockItem(tx, run.itemId)
    const row = await lockRun(tx, run.id)
    if (!item || !row) throw new Error(`run ${run.id} has no row`)
    if (!isLiveRun(RunStatus.parse(row.status))) return { changed: false, runStatus: row.status, itemStatus: item.status, repo: row.repo, kind: row.kind, seconds: 0 }
    await bookUsage(tx, row, { usage: settlement.usage, events: settlement.events ?? [] }, at)
    const ending = askedFor(row, settlement)
    await finishRun(tx, row.id, { ...ending, report: ending.report ?? null, logTail: settlement.logTail, at })
    await recordEvent(tx, { type: 'run.finished', itemId: item.id, runId: row.id, data: { kind: row.kind, status: ending.status, outcome: ending.outcome } })
    if (row.kind === 'verify' && ending.report) {
      await recordEvent(tx, { type: 'run.verified', itemId: item.id, runId: row.id, data: { passed: ending.report.passed, reason: ending.report.reason } })
    }
    await saveLearnings(tx, { repo: row.repo, itemId: item.id, runId: row.id, learnings: settlement.learnings ?? [], at })
    const kind = RunKind.parse(row.kind)
    const next = decideNext(
      { status: item.status, attempts: item.attempts, maxAttempts: item.max_attempts, losses: item.losses },
      { kind, iterationsGranted: row.iterations_granted, maxIterations: kind === 'spec' ? 1 : ctx.config.MAX_ITERATIONS },
      ending,
      { retryBackoffSeconds: ctx.config.RETRY_BACKOFF_SECONDS, maxLosses: ctx.config.MAX_LOSSES },
      at,
    )
    const seconds = (at.getTime() - row.started_at.getTime()) / 1000
    const free = await noteOnItem(tx, item, { ...workInProgress(item, row, ending, settlement), current_run_id: null }, at)
    const moved = await apply(tx, ctx, free, row, ending, next, at)
    if (next.to === 'again' && next.waitCode === 'usage_limit' && next.notBefore) {
      await pauseAccount(tx, { until: next.notBefore, reason: next.reason, itemId: item.id, runId: row.id })
    }
    return { changed: true, runStatus: ending.status, itemStatus: moved, repo: row.repo, kind: row.kind, seconds }
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

/** A run that was asked to end ended for that reason, whatever it or the engine says of it. */
function askedFor(row: RunRow, ending: Settlement): Ending {
  if (row.cancel_code === null || ending.status === 'succeeded') return ending
  return { ...ending, status: 'cancelled', outcome: { code: row.cancel_code === 'killed' ? 'killed' : 'cancelled', message: row.cancel_reason ?? 'asked for', until: null } }
}

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

async function apply(tx: Tx, ctx: Context, item: ItemRow, run: RunRow, ending: Ending, next: Next, at: Date): Promise<string> {
  const move = { runId: run.id, at }
  switch (next.to) {
    case 'nothing':
      return item.status
    case 'queue': {
      const spec = parseSpec(next.spec)
      return (await moveItem(tx, item, 'queued', { ...move, reason: next.reason, set: { spec: next.spec, files: spec.files.slice(0, 200) } })).status
    }
    case 'verify':
      return (await moveItem(tx, item, 'verifying', { ...move, reason: next.reason })).status
    case 'publish': {
      const moved = await moveItem(tx, item, 'publishing', { ...move, reason: next.reason })
      await recordPullRequest(tx, moved, { at })
      return moved.status
    }
    case 'ask':
      return (await moveItem(tx, item, 'needs_input', { ...move, reason: next.reason, set: { question: next.question } })).status
    case 'fail':
      return (await moveItem(tx, item, 'failed', { ...move, reason: next.message, set: { failure_code: next.code, failure_message: next.message, attempts: item.attempts + 1 } })).status
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
      return to === item.status ? (await noteOnItem(tx, item, set, at)).status : (await moveItem(tx, item, to, { ...move, reason: next.reason, set })).status
    }
    default:
      return next satisfies never
  }
}
