import { FactoryError, isLiveRun, RepoName, RunKind, RunStatus, type RunGrant } from '@factory/shared'
import type { Context } from '../context.ts'
import { pushRef } from './refs.ts'
import { runOfToken } from './token.ts'

/** For the gateway: what the holder of this token may do now. A token is dead once its run has ended. */
export async function authorizeRun(ctx: Pick<Context, 'db' | 'config'>, token: string): Promise<RunGrant> {
  const run = await runOfToken(ctx, token)
  if (!run) throw new FactoryError('not_found', 'nobody issued this run token')
  if (!isLiveRun(RunStatus.parse(run.status))) throw new FactoryError('forbidden', `run ${run.id} has ended (${run.status})`)
  return {
    runId: run.id,
    itemId: run.item_id,
    kind: RunKind.parse(run.kind),
    repo: RepoName.parse(run.repo),
    pushRef: pushRef(run.item_id, run.token),
    model: ctx.config.MODEL,
    leaseExpiresAt: run.lease_expires_at.toISOString(),
  }
}
