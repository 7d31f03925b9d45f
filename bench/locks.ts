import { createLogger } from '@factory/shared'
import { need } from '@factory/rehearsal/testing'
import { Redis } from 'ioredis'
import { createRedisLocks } from '../packages/orchestrator/src/adapters/redis-locks.ts'
import { acquireLocks } from '../packages/orchestrator/src/locks/acquire.ts'
import { dropMirrored } from '../packages/orchestrator/src/locks/store.ts'
import { seedItem, seedRun } from '../packages/orchestrator/src/testing/seed.ts'
import { testContext } from '../packages/orchestrator/src/testing/test-context.ts'
import type { LockTable } from '../packages/orchestrator/src/ports/lock-table.ts'
import { percentile, round, type Figure } from './figure.ts'
import { over } from './queue-contestant.ts'
import { paired } from './queue-rounds.ts'

const ROUNDS = 7
const LANES = 8
const SETS = 400
const SIZES = [1, 5, 20]
const TTL_MS = 60_000

/**
 * A run's files taken in Redis, all or none: our table (one script) against a chain of SET NX PX over the same
 * kind of connection, one path after the other, all callers on one connection; in turn, no path twice. Then the verb, which also has the mirror
 * in PostgreSQL and the event.
 */
export async function run(): Promise<Figure[]> {
  const url = need('redis')
  const table = createRedisLocks({ url, logger: createLogger('bench', 'silent'), instance: 'bench' })
  const redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: 3000 })
  try {
    const figures: Figure[] = []
    for (const callers of [1, LANES]) for (const size of SIZES) figures.push(await sideBySide(table, redis, size, callers))
    return [...figures, ...(await verb(table))]
  } finally {
    await table.close()
    redis.disconnect()
  }
}

async function sideBySide(table: LockTable, redis: Redis, size: number, callers: number): Promise<Figure> {
  const ours: number[] = []
  const chains: number[] = []
  for (let turn = 0; turn <= ROUNDS; turn++) {
    const repo = `bench/${crypto.randomUUID()}`
    const sets = Array.from({ length: SETS }, (_, set) => ({ owner: { runId: set + 1, itemId: set + 1 }, paths: Array.from({ length: size }, (_, path) => `src/${set}/file-${path}.ts`) }))
    const script = async (): Promise<number> => {
      const ms = await over(callers, SETS, async (index) => {
        const set = sets[index]
        if (!set || !(await table.acquire(repo, set.paths, set.owner, TTL_MS / 1000)).granted) throw new Error('a path was taken')
      })
      for (const set of sets) await table.release(repo, set.paths, set.owner)
      return SETS / (ms / 1000)
    }
    const chain = async (): Promise<number> => {
      const key = (path: string): string => `bench:{${repo}}:${path}`
      const ms = await over(callers, SETS, async (index) => {
        for (const path of sets[index]?.paths ?? []) if ((await redis.set(key(path), JSON.stringify(sets[index]?.owner), 'PX', TTL_MS, 'NX')) !== 'OK') throw new Error('a path was taken')
      })
      for (const set of sets) await redis.del(set.paths.map(key))
      return SETS / (ms / 1000)
    }
    const [first, second] = turn % 2 === 0 ? [await script(), await chain()] : [await chain(), await script()].reverse()
    // the first of each fills caches and is not counted
    if (turn === 0 || first === undefined || second === undefined) continue
    ours.push(first)
    chains.push(second)
  }
  return paired(`${size === 1 ? '1 path' : `${size} paths`} locked, ${callers === 1 ? '1 caller' : `${callers} callers at once`}`, ours, '/s', 'chain of SET NX PX', chains)
}

/** The whole verb for 20 paths: Redis, the mirror, the record. */
async function verb(table: LockTable): Promise<Figure[]> {
  const ctx = { ...(await testContext()), locks: table }
  try {
    const repo = `bench/${crypto.randomUUID()}`
    const runs: { runId: number; itemId: number }[] = []
    for (let index = 0; index < LANES; index++) {
      const itemId = await seedItem(ctx.db.sql, { repo, status: 'in_progress' })
      runs.push({ itemId, runId: await seedRun(ctx.db.sql, itemId) })
    }
    const times: number[] = []
    for (let turn = 0; turn < 20; turn++) {
      await over(LANES, LANES, async (index) => {
        const run = runs[index]
        if (!run) return
        const began = performance.now()
        const { granted } = await acquireLocks(ctx, { repo, ...run }, Array.from({ length: 20 }, (_, path) => `src/${turn}/${index}/file-${path}.ts`))
        if (!granted) throw new Error('a path was taken')
        if (turn > 0) times.push(performance.now() - began)
      })
    }
    for (const run of runs) {
      await table.release(repo, await dropAll(ctx.db.sql, run.runId), run)
    }
    return [0.5, 0.99].map((p) => ({ name: `20 paths with mirror and event, ${LANES} callers, p${p * 100}`, value: round(percentile(times, p)), unit: 'ms' }))
  } finally {
    await ctx.db.drop()
  }
}

async function dropAll(sql: Parameters<typeof dropMirrored>[0], runId: number): Promise<string[]> {
  const rows = await sql<{ path: string }[]>`select path from file_locks where run_id = ${runId}`
  await dropMirrored(sql, runId)
  return rows.map((row) => row.path)
}
