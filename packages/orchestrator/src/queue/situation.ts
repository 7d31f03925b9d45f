import { RunKind } from '@factory/shared'
import { z } from 'zod'
import type { Clock } from '../ports/clock.ts'
import type { Db } from '../db/connect.ts'
import { AGE_HOURS, type Limits, type Situation } from './order.ts'
import { loadDay, loadHeldPaths, loadLive, loadRepositories, loadState, loadWaiting } from './store.ts'

export type QueueNeeds = { db: Db; clock: Clock; config: { MAX_WORKERS: number; DAILY_BUDGET: number; COOLDOWN_SECONDS: number } }

const WaitingStatus = z.enum(['drafting', 'queued', 'verifying'])

/** What admission would look at now, with the first `depth` waiting items of each class and repository. */
export async function readSituation(ctx: QueueNeeds, depth: number): Promise<Situation> {
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
  return {
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
    pausedUntil: state.paused_until?.getTime() ?? null,
    iterationsToday: day.iterations,
  }
}

export function readLimits(config: QueueNeeds['config']): Limits {
  return { maxWorkers: config.MAX_WORKERS, dailyIterations: config.DAILY_BUDGET, cooldownSeconds: config.COOLDOWN_SECONDS, ageHours: AGE_HOURS }
}
