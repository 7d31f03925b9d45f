import type { Context } from '../context.ts'
import { refusal } from '../db/refusal.ts'
import { EVENTS_CHANNEL } from '../ports/event-bus.ts'
import { AGE_HOURS } from '../queue/order.ts'
import { callAdmit, type Admission } from './store.ts'

/** Admits waiting items, `atMost` of them, in one transaction; the last entry says why it stopped short of that. */
export async function admitWaiting(ctx: Pick<Context, 'db' | 'bus' | 'config' | 'metrics' | 'epoch'>, atMost: number): Promise<Admission[]> {
  const { config } = ctx
  const limits = {
    maxWorkers: config.MAX_WORKERS,
    maxWorkersPerRepo: config.MAX_WORKERS_PER_REPO,
    dailyIterations: config.DAILY_BUDGET,
    cooldownSeconds: config.COOLDOWN_SECONDS,
    maxIterations: config.MAX_ITERATIONS,
    leaseSeconds: config.LEASE_SECONDS,
    ageHours: AGE_HOURS,
  }
  const admissions = await callAdmit(ctx.db.sql, ctx.epoch, limits, atMost).catch((error: unknown) => Promise.reject(refusal(error)))
  for (const { outcome } of admissions) ctx.metrics.admission(outcome)
  if (admissions.some((one) => one.outcome === 'admitted')) void ctx.bus.publish(EVENTS_CHANNEL, {})
  return admissions
}
