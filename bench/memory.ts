import { readFileSync } from 'node:fs'
import { emptyDatabase } from '../packages/orchestrator/src/db/testing.ts'
import { startFactory } from '../tests/e2e/factory.ts'
import { round, type Figure } from './figure.ts'

const SERVICES = ['orchestrator', 'intake', 'gateway', 'dashboard'] as const
/** Long enough for start-up garbage to be collected and a few polls to pass. */
const SETTLE_MS = 15_000

/** VmRSS of each idle service, on an external PostgreSQL. */
export async function run(): Promise<Figure[]> {
  const database = await emptyDatabase()
  const factory = await startFactory({ settings: { WORKER_RUNTIME: 'process', DATABASE_URL: database.url } })
  try {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const figures = SERVICES.map((name): Figure => ({ name: `resident memory, ${name}`, value: round(residentMb(factory.stack.pid(name))), unit: 'MB' }))
    return [...figures, { name: 'resident memory, all four', value: round(figures.reduce((sum, figure) => sum + figure.value, 0)), unit: 'MB' }]
  } finally {
    await factory.stop()
    await database.drop()
  }
}

function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) / 1024
}
