import type { Db } from '../db/connect.ts'
import type { Handlers } from '../http/handlers.ts'
import type { Clock } from '../ports/clock.ts'
import { summarizeMetrics } from './summary.ts'

export const metricsHandlers: Handlers<{ db: Db; clock: Clock }, 'metrics'> = {
  metrics: (ctx, { query }) => summarizeMetrics(ctx, query.days),
}
