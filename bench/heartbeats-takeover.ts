import { createLogger } from '@factory/shared'
import { readConfig } from '../packages/orchestrator/src/config.ts'
import { testDatabase } from '../packages/orchestrator/src/db/testing.ts'
import { start } from '../packages/orchestrator/src/index.ts'
import { fakeRuntime } from '../packages/orchestrator/src/testing/fake-runtime.ts'
import { fakeForge } from '../packages/orchestrator/src/testing/fake-forge.ts'
import { seedItem } from '../packages/orchestrator/src/testing/seed.ts'
import type { Sql } from '../packages/orchestrator/src/db/connect.ts'
import { percentile, round, type Figure } from './figure.ts'
import { startOrchestrator, until } from './orchestrator-process.ts'

const ROUNDS = 3
/** As it is by default. */
const LEADER_SECONDS = 5
/** Short, because it is waited for; what is measured begins at its end. */
const LEASE_SECONDS = 3
const SILENT = 12

/** How long after a leader's death, and after the end of a silent worker's lease, another has the work. */
export async function measureTakeover(): Promise<Figure[]> {
  const leader = await leaderKilled()
  const worker = await workerSilent()
  return [
    { name: `leader killed -9: until another admits, worst of ${ROUNDS} (lease ${LEADER_SECONDS} s)`, value: round(Math.max(...leader) / 1000), unit: 's' },
    { name: `worker silent: from lease end to queued again, p50 of ${worker.length}`, value: round(percentile(worker, 0.5)), unit: 'ms' },
    { name: 'the same, worst', value: round(Math.max(...worker)), unit: 'ms' },
  ]
}

/** Two real orchestrators; the leading one is killed, then work arrives. Milliseconds from the kill to its admission. */
async function leaderKilled(): Promise<number[]> {
  const db = await testDatabase()
  const settings = { LEADER_SECONDS: String(LEADER_SECONDS) }
  const times: number[] = []
  let leading = await startOrchestrator(db.url, settings)
  try {
    for (let turn = 0; turn < ROUNDS; turn++) {
      const other = await startOrchestrator(db.url, settings)
      const killed = performance.now()
      await leading.kill('SIGKILL')
      leading = other
      const item = await seedItem(db.sql)
      times.push((await until(() => hasRun(db.sql, item), 'the other orchestrator to admit')) - killed)
    }
    return times
  } finally {
    await leading.kill('SIGKILL')
    await db.drop()
  }
}

async function hasRun(sql: Sql, item: number): Promise<boolean> {
  return (await sql`select 1 from runs where item_id = ${item}`).length > 0
}

/**
 * A worker that is never heard of, on an engine that stops it at once (the engine's own time is not the
 * factory's). Milliseconds by the database's clock from the end of its lease to the item's return.
 */
async function workerSilent(): Promise<number[]> {
  const db = await testDatabase()
  const config = readConfig({ GITHUB_TOKEN: 'made-up-for-measuring', FACTORY_TOKEN: 'made-up-token-for-measuring', DATABASE_URL: db.url, ORCHESTRATOR_PORT: '0', COOLDOWN_SECONDS: '0', LEASE_SECONDS: String(LEASE_SECONDS), MAX_WORKERS: '1000', DAILY_BUDGET: '1000000', LOG_LEVEL: 'silent' })
  const orchestrator = await start(config, { runtime: fakeRuntime(), forge: fakeForge(), log: createLogger('bench', 'silent') })
  try {
    // Others that live: were most workers silent at once, the scheduler would first look again.
    for (let living = 0; living < SILENT * 3; living++) await seedItem(db.sql)
    orchestrator.ctx.wake()
    const others = async () => (await db.sql`update runs set lease_expires_at = now() + interval '1 hour' where status = 'starting' returning id`).length
    await until(async () => (await others()) === SILENT * 3, 'the others to be admitted')
    const items: number[] = []
    for (let turn = 0; turn < SILENT; turn++) {
      items.push(await seedItem(db.sql))
      orchestrator.ctx.wake()
      // so that their leases end at different places between two ticks
      await Bun.sleep(170)
    }
    const times = async () =>
      db.sql<{ ms: number }[]>`
        select extract(epoch from r.finished_at - r.lease_expires_at)::float8 * 1000 as ms from runs r
        where r.status = 'lost' and r.item_id = any(${items}) and r.id = (select min(f.id) from runs f where f.item_id = r.item_id)`
    await until(async () => (await times()).length === items.length, 'all to be queued again')
    return (await times()).map((row) => row.ms)
  } finally {
    await orchestrator.stop()
    await db.drop()
  }
}
