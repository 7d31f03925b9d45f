import { find } from '@factory/rehearsal/testing'
import { createLogger } from '@factory/shared'
import { join } from 'node:path'
import { createRedisLocks } from '../packages/orchestrator/src/adapters/redis-locks.ts'
import { testContext, type TestContext } from '../packages/orchestrator/src/testing/test-context.ts'
import { connect } from '../packages/orchestrator/src/db/connect.ts'
import { heartbeat } from '../packages/orchestrator/src/workers/heartbeat.ts'
import type { RunRef } from '../packages/orchestrator/src/workers/refs.ts'
import { loadRunKey } from '../packages/orchestrator/src/workers/store.ts'
import { runToken } from '../packages/orchestrator/src/workers/token.ts'
import { percentile, round, type Figure } from './figure.ts'
import { over } from './queue-contestant.ts'
import { paired } from './queue-rounds.ts'
import { measureReturn } from './heartbeats-return.ts'
import { measureTakeover } from './heartbeats-takeover.ts'

const WORKERS = 1000
const LANES = 32
const ROUNDS = 5
const SERVER = join(import.meta.dir, 'heartbeats-server.ts')

/**
 * Heartbeats of 1,000 live workers with two locked files each: through the HTTP app in a process of its own
 * against the same app's answer without any work, and the verb alone against one bare UPDATE by primary key;
 * then how long it takes until somebody else has the lead, a silent worker's item, and the database's service.
 */
export async function run(): Promise<Figure[]> {
  const rates = await measureRates()
  return [...rates, ...(await measureTakeover()), ...(await measureReturn())]
}

async function measureRates(): Promise<Figure[]> {
  const redis = find('redis')
  const base = await testContext()
  const db = connect(base.db.url, { max: 10 })
  const ctx: TestContext = { ...base, db: { ...base.db, ...db }, ...(redis ? { locks: createRedisLocks({ url: redis, logger: createLogger('bench', 'silent'), instance: 'bench' }) } : {}) }
  const child = Bun.spawn([process.execPath, SERVER, base.db.url], { stdout: 'pipe', stderr: 'inherit', env: { ...process.env, MAX_WORKERS: String(WORKERS), ...(redis ? { REDIS_URL: redis } : {}) } })
  try {
    const runs = await liveRuns(ctx)
    const key = await loadRunKey(ctx.db.sql)
    const url = await firstLine(child.stdout)
    const served: number[] = []
    const bare: number[] = []
    const verbs: number[] = []
    const updates: number[] = []
    const waits: number[] = []
    for (let turn = 0; turn <= ROUNDS; turn++) {
      const http = await over(LANES, runs.length, async (index) => {
        const began = performance.now()
        await post(url, key, pick(runs, index))
        if (turn > 0) waits.push(performance.now() - began)
      })
      const health = await over(LANES, runs.length, async () => (await fetch(`${url}/health`)).text())
      const verb = await over(LANES, runs.length, (index) => heartbeat(ctx, pick(runs, index), { events: [] }))
      const update = await over(LANES, runs.length, (index) => ctx.db.sql`update runs set heartbeat_at = now(), lease_expires_at = now() + interval '2 minutes' where id = ${pick(runs, index).id}`)
      if (turn === 0) continue
      served.push(runs.length / (http / 1000))
      bare.push(runs.length / (health / 1000))
      verbs.push(runs.length / (verb / 1000))
      updates.push(runs.length / (update / 1000))
    }
    return [
      paired(`heartbeats of ${WORKERS} workers over HTTP`, served, '/s', 'GET /health', bare),
      { name: `one of them, ${LANES} at once, p99`, value: round(percentile(waits, 0.99)), unit: 'ms' },
      paired('the verb alone, locks renewed', verbs, '/s', 'bare UPDATE', updates),
    ]
  } finally {
    child.kill()
    await child.exited
    await ctx.locks.close()
    await db.close()
    await base.db.drop()
  }
}

/** Live runs with two locks each in the mirror; the first heartbeat takes them in the table. */
async function liveRuns(ctx: TestContext): Promise<RunRef[]> {
  const { sql } = ctx.db
  const repo = `bench/${crypto.randomUUID()}`
  await sql`insert into repositories (name) values (${repo})`
  await sql`insert into work_items (source, source_id, repo, title, spec, status) select 'bench', n::text, ${repo}, 'A task', '- [ ] do it', 'in_progress' from generate_series(1, ${WORKERS}::int) n`
  await sql`insert into runs (item_id, kind, status, attempt, worker, registered_at, lease_expires_at, iterations_granted) select id, 'build', 'running', 1, 'bench-' || id, now(), now() + interval '1 hour', 25 from work_items`
  await sql`update work_items w set current_run_id = r.id from runs r where r.item_id = w.id`
  await sql`insert into file_locks (repo, path, run_id, expires_at) select ${repo}, 'src/' || r.id || '/' || n || '.ts', r.id, now() + interval '1 hour' from runs r cross join generate_series(1, 2) n`
  await sql`analyze`
  return sql<RunRef[]>`select id, item_id as "itemId", token from runs order by id`
}

async function post(url: string, key: string, run: RunRef): Promise<void> {
  const answer = await fetch(`${url}/worker/${run.id}/heartbeat`, { method: 'POST', headers: { authorization: `Bearer ${runToken(key, run)}`, 'content-type': 'application/json' }, body: '{}' })
  if (!answer.ok) throw new Error(`a heartbeat was answered ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}

function pick(runs: readonly RunRef[], index: number): RunRef {
  const run = runs[index % runs.length]
  if (!run) throw new Error('there are no runs')
  return run
}

async function firstLine(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true })
    const line = /^(.+)\n/.exec(text)?.[1]
    if (line !== undefined) return line
  }
  throw new Error('the server did not start')
}
