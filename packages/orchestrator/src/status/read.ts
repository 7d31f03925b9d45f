import { PRIORITIES, WORK_STATUSES, type FactoryStatus, type Waiting } from '@factory/shared'
import type { Context } from '../context.ts'
import { countQueue, type QueueCounts } from '../queue/count.ts'
import { agentRefused } from '../queue/order.ts'
import { whyFactoryWaits } from '../queue/reason.ts'
import { readSituation } from '../queue/situation.ts'
import { checkReadiness, type Part } from './readiness.ts'

export type StatusNeeds = Pick<Context, 'db' | 'clock' | 'config' | 'locks' | 'bus' | 'runtime' | 'leader'>
export type Identity = { version: string; startedAt: Date }

/** The factory at a glance. */
export async function readStatus(ctx: StatusNeeds, identity: Identity): Promise<FactoryStatus> {
  const [{ situation, limits }, counts, readiness] = await Promise.all([readSituation(ctx, 0), countQueue(ctx), checkReadiness(ctx)])
  const refused = agentRefused(situation, limits)
  const paused = situation.account.pausedUntil !== null && situation.account.pausedUntil > situation.now ? situation.account.pausedUntil : null
  return {
    workers: { active: situation.runs.length, allowed: limits.maxWorkers },
    queue: { total: sum(counts.waiting), byPriority: tally(PRIORITIES, counts.waiting) },
    items: tally(WORK_STATUSES, counts.items),
    budget: {
      day: new Date(situation.now).toISOString().slice(0, 10),
      iterations: situation.iterationsToday,
      reserved: situation.runs.reduce((total, run) => total + run.reserved, 0),
      limit: limits.dailyIterations,
      costUsd: counts.costToday,
    },
    cooldownUntil: refused?.outcome === 'cooldown' ? new Date(refused.until).toISOString() : null,
    pausedUntil: paused === null ? null : new Date(paused).toISOString(),
    pauseReason: paused === null && !situation.account.canaryLive ? null : counts.pauseReason,
    waiting: engineAway(readiness.parts) ?? whyFactoryWaits(situation, limits),
    parts: readiness.parts,
    runtime: `${ctx.runtime.kind}: ${ctx.runtime.isolation}`,
    version: identity.version,
    startedAt: identity.startedAt.toISOString(),
  }
}

function engineAway(parts: readonly Part[]): Waiting | null {
  const runtime = parts.find((part) => part.name === 'runtime')
  return runtime && !runtime.ok ? { code: 'engine_unavailable', message: runtime.detail, until: null } : null
}

function tally<K extends string>(keys: readonly K[], counts: QueueCounts['items']): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, counts.find((row) => row.name === key)?.n ?? 0])) as Record<K, number>
}

function sum(counts: QueueCounts['items']): number {
  return counts.reduce((total, row) => total + row.n, 0)
}
