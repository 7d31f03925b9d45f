import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Db } from '../db/connect.ts'
import type { Served } from '../http/mount.ts'
import { collectFigures } from './collect.ts'

export type Metrics = {
  contentType: string
  render(): Promise<string>
  served(served: Served): void
  /** What one call of admission answered. */
  admission(outcome: string): void
  heartbeat(): void
  runFinished(run: { kind: string; status: string; seconds: number }): void
}

/** Figures for Prometheus: gauges are read from the database when asked for, counters count this process. */
export function createMetrics(ctx: { db: Db }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) => new Gauge({ name: `factory_${name}`, help, labelNames, registers })
  const items = gauge('work_items', 'Work items by status.', ['status'])
  const queue = gauge('queue_depth', 'Items that wait for a worker, by priority.', ['priority'])
  const oldest = gauge('queue_oldest_seconds', 'How long the oldest waiting item has waited.', [])
  const live = gauge('live_runs', 'Runs that are starting or running, by kind.', ['kind'])
  const iterations = gauge('iterations_today', 'Iterations booked on this UTC day.', [])
  const cost = gauge('cost_usd_today', 'Money booked on this UTC day, in US dollars.', [])
  const costTotal = gauge('cost_usd_total', 'Money booked on all days, in US dollars.', [])
  const admissions = new Counter({ name: 'factory_admissions_total', help: 'Calls of admission by outcome.', labelNames: ['outcome'], registers })
  const heartbeats = new Counter({ name: 'factory_heartbeats_total', help: 'Heartbeats of workers.', registers })
  const runSeconds = new Histogram({ name: 'factory_run_seconds', help: 'Duration of ended runs.', labelNames: ['kind', 'status'], buckets: [5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400], registers })
  const requests = new Counter({ name: 'factory_http_requests_total', help: 'HTTP requests by route and status.', labelNames: ['method', 'route', 'status'], registers })
  const requestSeconds = new Histogram({ name: 'factory_http_request_seconds', help: 'Time until the answer began.', labelNames: ['route'], buckets: [0.002, 0.005, 0.02, 0.05, 0.2, 1, 5], registers })

  return {
    contentType: registry.contentType,
    async render() {
      const figures = await collectFigures(ctx)
      for (const each of [items, queue, live]) each.reset()
      for (const { status, n } of figures.items) items.set({ status }, n)
      for (const { priority, n } of figures.queue) queue.set({ priority }, n)
      for (const { kind, n } of figures.live) live.set({ kind }, n)
      oldest.set(figures.oldestSeconds)
      iterations.set(figures.iterationsToday)
      cost.set(figures.costToday)
      costTotal.set(figures.costTotal)
      return registry.metrics()
    },
    served({ method, route, status, seconds }) {
      requests.inc({ method, route, status: String(status) })
      requestSeconds.observe({ route }, seconds)
    },
    admission: (outcome) => admissions.inc({ outcome }),
    heartbeat: () => heartbeats.inc(),
    runFinished: ({ kind, status, seconds }) => runSeconds.observe({ kind, status }, seconds),
  }
}
