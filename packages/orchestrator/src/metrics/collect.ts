import type { Db } from '../db/connect.ts'
import { countItems, countLiveRuns, countQueue, sumBudget } from './store.ts'

export type Figures = {
  items: { status: string; n: number }[]
  queue: { priority: string; n: number }[]
  live: { kind: string; n: number }[]
  oldestSeconds: number
  iterationsToday: number
  costToday: number
  costTotal: number
}

/** What the database says at this moment. */
export async function collectFigures(ctx: { db: Db }, now: Date = new Date()): Promise<Figures> {
  const { sql } = ctx.db
  const [items, queue, live, booked] = await Promise.all([countItems(sql), countQueue(sql), countLiveRuns(sql), sumBudget(sql, now.toISOString().slice(0, 10))])
  const oldest = Math.min(now.getTime(), ...queue.map((row) => row.oldest.getTime()))
  return { items, queue, live, oldestSeconds: (now.getTime() - oldest) / 1000, iterationsToday: booked.today_iterations, costToday: booked.today_cost, costTotal: booked.total_cost }
}
