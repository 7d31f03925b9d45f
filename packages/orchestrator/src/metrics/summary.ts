import type { FactoryMetrics } from '@factory/shared'
import type { Clock } from '../ports/clock.ts'
import type { Db } from '../db/connect.ts'
import { countFailures, loadDays, loadPullTimes, type DayRow } from './store.ts'

const DAY_MS = 86_400_000

/** Figures over the last `days` UTC days, today included. */
export async function summarizeMetrics(ctx: { db: Db; clock: Clock }, days: number): Promise<FactoryMetrics> {
  const { sql } = ctx.db
  const to = ctx.clock.now().toISOString().slice(0, 10)
  const since = new Date(Date.parse(to) - (days - 1) * DAY_MS)
  const [rows, secondsToPull, failures] = await Promise.all([loadDays(sql, since.toISOString().slice(0, 10), to), loadPullTimes(sql, since), countFailures(sql, since)])
  const sum = (pick: (row: DayRow) => number) => rows.reduce((total, row) => total + pick(row), 0)
  const completed = sum((row) => row.completed)
  const failed = sum((row) => row.failed)
  return {
    days,
    completed,
    failed,
    cancelled: sum((row) => row.cancelled),
    successRate: completed + failed === 0 ? null : completed / (completed + failed),
    iterations: sum((row) => row.iterations),
    costUsd: sum((row) => row.cost_usd),
    secondsToPull,
    failures,
    byDay: rows.map((row) => ({ day: row.day, completed: row.completed, failed: row.failed, iterations: row.iterations, costUsd: row.cost_usd })),
  }
}
