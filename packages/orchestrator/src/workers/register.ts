import { HEARTBEAT_SECONDS, RepoName, RunKind, RunOutcome, type Assignment, type RegisterRequest } from '@factory/shared'
import type { Context } from '../context.ts'
import { recallLearnings } from '../learnings/recall.ts'
import { acquireLocks } from '../locks/acquire.ts'
import { transact } from '../transact.ts'
import type { ItemRow } from '../work/view.ts'
import { FactoryError } from '@factory/shared'
import { pushRef, type RunRef } from './refs.ts'
import { settleRun } from './settle.ts'
import { speakFor } from './speak.ts'
import { callRegister, loadPrevious } from './store.ts'
import { reportOf, type RunRow } from './view.ts'

/** How many learnings a run is given: enough to help, few enough to be read. */
const LEARNINGS_GIVEN = 12

/**
 * A worker reports for its run. Registering again (its answer was lost) gives the same assignment.
 * The files that the spec names are locked for a build run here; when somebody holds one, the run is
 * over before it cost anything.
 */
export async function registerRun(ctx: Context, ref: RunRef, body: RegisterRequest): Promise<Assignment> {
  const at = ctx.clock.now()
  const { item, run } = await transact(ctx, async (tx) => {
    const spoken = await speakFor(tx, ref)
    await callRegister(tx, ref, body.versions, at, ctx.config.LEASE_SECONDS)
    return spoken
  })
  if (run.kind === 'build' && item.files.length > 0) await lockNamedFiles(ctx, item, run, at)
  const kind = RunKind.parse(run.kind)
  const previous = kind === 'build' ? await loadPrevious(ctx.db.sql, item.id, run.id) : null
  return {
    run: { id: run.id, kind, attempt: run.attempt, token: run.token },
    item: { id: item.id, title: item.title, sourceUrl: item.source_url, spec: item.spec, description: item.description },
    repo: RepoName.parse(item.repo),
    baseBranch: item.base_branch,
    pushRef: pushRef(item.id, run.token),
    resume: kind !== 'spec' && item.wip_ref && item.wip_sha && item.base_sha ? { ref: item.wip_ref, sha: item.wip_sha, baseSha: item.base_sha } : null,
    previous: previous ? { outcome: RunOutcome.parse(previous.outcome), report: reportOf(previous.report) } : null,
    model: ctx.config.MODEL,
    limits: {
      maxIterations: Math.max(1, run.iterations_granted),
      maxCostUsd: ctx.config.MAX_COST_USD,
      maxMinutes: ctx.config.MAX_MINUTES,
      iterationMinutes: ctx.config.ITERATION_MINUTES,
      setupMinutes: ctx.config.SETUP_MINUTES,
      verifyMinutes: ctx.config.VERIFY_MINUTES,
    },
    learnings: kind === 'verify' ? [] : await recallLearnings(ctx, { repo: item.repo, text: `${item.title}\n${item.spec ?? item.description ?? ''}`, limit: LEARNINGS_GIVEN }),
    commit: { name: ctx.config.COMMIT_NAME, email: ctx.config.COMMIT_EMAIL },
    leaseSeconds: ctx.config.LEASE_SECONDS,
    heartbeatSeconds: Math.min(HEARTBEAT_SECONDS, Math.max(1, Math.floor(ctx.config.LEASE_SECONDS / 3))),
  }
}

async function lockNamedFiles(ctx: Context, item: ItemRow, run: RunRow, at: Date): Promise<void> {
  // Redis may be away for longer than a worker asks to be registered; no run is lost for that.
  const locks = await acquireLocks(ctx, { repo: item.repo, runId: run.id, itemId: item.id }, item.files, { withoutTable: true })
  if (locks.granted) return
  const first = locks.conflicts[0]
  const message = first ? `${first.path} is held by run ${first.runId} of item ${first.itemId}` : 'a file that it needs was held by another run'
  // When it has registered once more meanwhile, that call may have been given the files: it decides.
  const ended = await settleRun(ctx, { id: run.id, itemId: item.id, token: run.token }, { status: 'paused', outcome: { code: 'lock_conflict', message, until: at.toISOString() }, heardAt: at })
  if (!ended.changed) throw new FactoryError('conflict', `${message}; a later registration of this run decides`)
  throw new FactoryError('stale_token', `${message}; this run has ended and its item waits`)
}
