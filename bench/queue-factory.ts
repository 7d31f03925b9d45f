import { connect } from '../packages/orchestrator/src/db/connect.ts'
import { migrate } from '../packages/orchestrator/src/db/migrate.ts'
import { callLead } from '../packages/orchestrator/src/leader/store.ts'
import { callAdmit, type AdmissionLimits } from '../packages/orchestrator/src/scheduler/store.ts'
import { changeItem, createItem, lockItem } from '../packages/orchestrator/src/work/store.ts'
import { callEnd } from '../packages/orchestrator/src/workers/store.ts'
import { LANES, over, REPOS, type Contestant } from './queue-contestant.ts'

/** All limits are checked at each admission; none is reached. */
const LIMITS: AdmissionLimits = { maxWorkers: 100_000, maxWorkersPerRepo: 0, dailyIterations: 100_000_000, cooldownSeconds: 0, maxIterations: 25, leaseSeconds: 120, ageHours: 6 }

/** Our queue, as the orchestrator calls it: an admission under the leader's epoch, with run, token and events. */
export async function openFactory(url: string): Promise<Contestant> {
  const db = connect(url, { max: LANES, statementTimeoutMs: 0 })
  const { sql } = db
  await migrate(sql)
  const { epoch } = await callLead(sql, 'bench', 86_400)
  let limits = LIMITS
  const runs = new Map<string, { id: number; token: null; item: number }>()

  async function seed(first: number, repos: number, count: number, priority: string | null, files = 0): Promise<void> {
    await sql`insert into repositories (name) select 'owner/repo-' || n from generate_series(${first}::int, ${first + repos - 1}::int) n on conflict do nothing`
    await sql`
      insert into work_items (source, source_id, repo, title, spec, files, status, priority, queued_at)
      select 'bench', gen_random_uuid()::text, 'owner/repo-' || ${first}::int + n % ${repos}::int, 'A task', '- [ ] do it',
        array(select 'src/' || gen_random_uuid() || n || '.ts' from generate_series(1, ${files}::int)), 'queued',
        coalesce(${priority}, (array['high', 'medium', 'low'])[1 + n % 3]), now() - interval '1 hour' + n * interval '1 ms'
      from generate_series(0, ${count - 1}::int) n`
  }

  async function claim(size: number): Promise<string[]> {
    const rows = await callAdmit(sql, epoch, limits, size)
    return rows.flatMap(({ runId, itemId }) => {
      if (runId === null || itemId === null) return []
      runs.set(String(runId), { id: runId, token: null, item: itemId })
      return [String(runId)]
    })
  }

  /** What the end of a run is in one transaction: the run ends, its item goes on. */
  async function end(id: string): Promise<void> {
    const run = runs.get(id)
    if (!run) throw new Error(`run ${id} was not claimed`)
    runs.delete(id)
    const at = new Date()
    await sql.begin(async (tx) => {
      await lockItem(tx, run.item)
      await callEnd(tx, run, { status: 'failed', outcome: { code: 'done', message: 'measured', until: null }, report: null, at })
      await changeItem(tx, run.item, 'failed', { current_run_id: null }, { type: 'work.status', runId: run.id, data: { from: 'in_progress', to: 'failed', reason: 'measured' } }, at)
    })
  }

  return {
    name: 'factory',
    fill: (count, urgent) => (urgent ? seed(0, REPOS, count, 'critical', 2) : seed(0, REPOS, count, null)),
    async vacuum() {
      for (const table of ['work_items', 'runs', 'work_events', 'repositories', 'factory_state']) await sql.unsafe(`vacuum analyze ${table}`)
    },
    async enqueue(urgent) {
      const sourceId = crypto.randomUUID()
      const repo = `owner/repo-${Math.floor(performance.now()) % REPOS}`
      const item = { source: 'bench', sourceId, sourceUrl: null, repo, title: 'A task', description: null, spec: '- [ ] do it', files: [], baseBranch: null, author: null, status: 'queued' as const, priority: urgent ? 'critical' : 'low', maxAttempts: 3, at: new Date() }
      // one statement, which is its own transaction
      await sql.begin((tx) => createItem(tx, item, { source: 'bench', sourceId, repo, status: 'queued' }))
      return sourceId
    },
    claim,
    async finish(ids) {
      const ended = ids.map((id) => runs.get(id)).filter((run) => run !== undefined)
      for (const run of ended) runs.delete(String(run.id))
      await sql`update runs set status = 'lost', finished_at = now() where id = any(${ended.map((run) => run.id)})`
      await sql`update work_items set status = 'failed', current_run_id = null where id = any(${ended.map((run) => run.item)})`
    },
    live: (count, lanes) =>
      over(lanes, count, async () => {
        for (const id of await claim(1)) await end(id)
      }),
    async block({ blockedRepos, blockedEach, readyRepos, readyEach }) {
      limits = { ...LIMITS, maxWorkersPerRepo: 1 }
      await seed(0, blockedRepos, blockedRepos * blockedEach, 'critical')
      await seed(blockedRepos, readyRepos, readyRepos * readyEach, 'medium')
      for (let taken = 0; taken < blockedRepos; taken++) await claim(1)
    },
    close: () => db.close(),
  }
}
