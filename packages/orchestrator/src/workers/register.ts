import { HEARTBEAT_SECONDS, RepoName, RunKind, RunOutcome, type Assignment, type RegisterRequest } from '@factory/shared'
import type { Context } from '../context.ts'
import { recordEvent } from '../events/record.ts'
import { recallLearnings } from '../learnings/recall.ts'
import { acquireLocks } from '../locks/acquire.ts'
import { transact } from '../transact.ts'
import type { ItemRow } from '../work/view.ts'
import { FactoryError } from '@factory/shared'
import { leaseEnd } from './lease.ts'
import { pushRef } from './refs.ts'
import { settleRun } from './settle.ts'
import { speakFor } from './speak.ts'
import { loadPrevious, setRunning } from './store.ts'
import { reportOf, type RunRow } from './view.ts'

/** How many learnings a run is given: enough to help, few enough to be read. */
const LEARNINGS_GIVEN = 12

/**
 * A worker reports for its run. Registering again (its answer was lost) gives the same assignment.
 * The files that the spec names are locked for a build run here; when somebody holds one, the run is
 * over before it cost anything.
 */
export async function registerRun(ctx: Context, ref: { id: number; itemId: number }, body: RegisterRequest): Promise<Assignment> {
  const at = ctx.clock.now()
  const { item, run } = await transact(ctx, async (tx) => {
    const spoken = await speakFor(tx, ref)
    await setRunning(tx, ref.id, { versions: body.versions, at, leaseExpiresAt: leaseEnd(ctx, at) })
    if (spoken.run.registered_at === null) {
      await recordEvent(tx, { type: 'run.registered', itemId: ref.itemId, runId: ref.id, data: { versions: body.versions } })
    }
    return spoken
  })
  if (run.kind === 'build' && item.files.length > 0) await lockNamedFiles(ctx, item, run)
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

async function lockNamedFiles(ctx: Context, item: ItemRow, run: RunRow): Promise<void> {
  const locks = await acquireLocks(ctx, { repo: item.repo, runId: run.id, itemId: item.id }, item.files)
  const first = locks.conflicts[0]
  if (locks.granted || !first) return
  const message = `${first.path} is held by run ${first.runId} of item ${first.itemId}`
  await settleRun(ctx, { id: run.id, itemId: item.id }, { status: 'paused', outcome: { code: 'lock_conflict', message, until: null } })
  throw new FactoryError('stale_token', `${message}; this run has ended and its item waits`)
}
