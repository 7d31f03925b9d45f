import type { Context } from '../context.ts'
import { EVENTS_CHANNEL } from '../ports/event-bus.ts'
import { callAdmit, type Admission } from './store.ts'

/** Admits one waiting item, or says why not. */
export async function admitOne(ctx: Pick<Context, 'db' | 'bus' | 'config' | 'metrics'>): Promise<Admission> {
  const { config } = ctx
  const admission = await callAdmit(ctx.db.sql, {
    maxWorkers: config.MAX_WORKERS,
    dailyIterations: config.DAILY_BUDGET,
    cooldownSeconds: config.COOLDOWN_SECONDS,
    maxIterations: config.MAX_ITERATIONS,
    leaseSeconds: config.LEASE_SECONDS,
  })
  ctx.metrics.admission(admission.outcome)
  if (admission.outcome === 'admitted') void ctx.bus.publish(EVENTS_CHANNEL, {})
  return admission
}
