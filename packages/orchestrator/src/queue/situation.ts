import { RunKind } from '@factory/shared'
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Db } from '../db/connect.ts'
import { AGE_HOURS, type Limits, type Situation } from './order.ts'
import { loadDay, loadHeldPaths, loadLive, loadRepositories, loadState, loadWaiting, type StateRow } from './store.ts'

export type QueueNeeds = { db: Db; clock: Clock; config: Pick<Config, 'MAX_WORKERS' | 'MAX_WORKERS_PER_REPO' | 'DAILY_BUDGET' | 'COOLDOWN_SECONDS'> }

const WaitingStatus = z.enum(['drafting', 'queued', 'verifying'])

/** What admission would look at now, with the first `depth` waiting items of each class and repository, and the limits in force. */
export async function readSituation(ctx: QueueNeeds, depth: number): Promise<{ situation: Situation; limits: Limits }> {
  const { sql } = ctx.db
  const now = ctx.clock.now()
  const [state, live, held, repositories, day, waiting] = await Promise.all([
    loadState(sql),
    loadLive(sql),
    loadHeldPaths(sql),
    loadRepositories(sql),
    loadDay(sql, now.toISOString().slice(0, 10)),
    loadWaiting(sql, depth),
  ])
  const situation: Situation = {
    now: now.getTime(),
    items: waiting.map((row) => ({
      id: row.id,
      repo: row.repo,
      status: WaitingStatus.parse(row.status),
      priorityRank: row.priority_rank,
      queuedAt: row.queued_at.getTime(),
      notBefore: row.not_before?.getTime() ?? null,
      files: row.files,
    })),
    runs: live.map((row) => ({ repo: row.repo, kind: RunKind.parse(row.kind), files: row.files, reserved: row.reserved })),
    locks: held.map((row) => ({ repo: row.repo, path: row.path, expiresAt: row.expires_at.getTime() })),
    lastAdmittedAt: new Map(repositories.flatMap((row) => (row.last_admitted_at === null ? [] : [[row.name, row.last_admitted_at.getTime()] as const]))),
    lastSpawnAt: state.last_spawn_at?.getTime() ?? null,
    account: { pausedUntil: state.paused_until?.getTime() ?? null, canaryLive: state.canary_live },
    iterationsToday: day.iterations,
  }
  return { situation, limits: limitsInForce(ctx.config, state) }
}

/** What people set while the factory runs wins over the configuration. */
function limitsInForce(config: QueueNeeds['config'], set: StateRow): Limits {
  return {
    maxWorkers: set.max_workers ?? config.MAX_WORKERS,
    maxWorkersPerRepo: set.max_workers_per_repo ?? config.MAX_WORKERS_PER_REPO,
    dailyIterations: set.daily_iterations ?? config.DAILY_BUDGET,
    cooldownSeconds: set.cooldown_seconds ?? config.COOLDOWN_SECONDS,
    ageHours: AGE_HOURS,
  }
}
