import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from '../../packages/cli/src/stack/child.ts'
import { freePort } from '../../packages/cli/src/stack/ports.ts'
import { createClient, type Client } from '../../packages/orchestrator/src/client.ts'
import { testDatabase, type TestDatabase } from '../../packages/orchestrator/src/db/testing.ts'
import { waitFor } from './factory.ts'
import { ownPostgres } from './own-stores.ts'

const LONG = 120_000
const TOKEN = 'a-token-of-this-test-alone'

type Orchestrator = { child: Child; client: Client; url: string; lines: string[]; freezeWhen: string }

let dir: string
let db: TestDatabase
let running: Orchestrator[] = []

/** One orchestrator as a process; all of a test share database, token and engine (a directory). */
async function begin(options: { leaderSeconds: number; freezeAt?: string }): Promise<Orchestrator> {
  const port = await freePort()
  const lines: string[] = []
  const freezeWhen = join(dir, `freeze-${port}`)
  const child = startChild({
    name: `orchestrator-${port}`,
    command: [process.execPath, join(import.meta.dir, 'orchestrator.fixture.ts')],
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: db.url,
      DATA_DIR: join(dir, 'data'),
      INSTANCE: 'two',
      FACTORY_TOKEN: TOKEN,
      ORCHESTRATOR_PORT: String(port),
      LEADER_SECONDS: String(options.leaderSeconds),
      // nobody listens there: a worker is started without a look at .factory.yml
      GITHUB_TOKEN: 'no-token',
      GITHUB_API_URL: 'http://127.0.0.1:9',
      COOLDOWN_SECONDS: '0',
      MAX_WORKERS: '5',
      ...(options.freezeAt ? { FREEZE_AT: options.freezeAt, FREEZE_WHEN: freezeWhen } : {}),
    },
    logFile: join(dir, `${port}.log`),
    onLine: (line) => lines.push(line),
  })
  const url = `http://127.0.0.1:${port}`
  const one = { child, url, lines, freezeWhen, client: createClient({ baseUrl: url, token: TOKEN }) }
  running.push(one)
  await waitFor(async () => (await fetch(`${url}/ready`)).ok, () => `an orchestrator to be ready; it says ${child.lastLines().join('\n')}`)
  return one
}

const leaderPart = async (one: Orchestrator) => (await one.client.call('status', {})).parts.find((part) => part.name === 'leader')
const leads = async (one: Orchestrator) => (await leaderPart(one))?.detail.startsWith('this orchestrator leads') === true
const epoch = async () => (await db.sql<{ epoch: number }[]>`select epoch from leader`)[0]?.epoch ?? 0
const createWork = async (one: Orchestrator) => (await one.client.call('createWork', { body: { source: 'api', sourceId: crypto.randomUUID(), repo: 'acme/shop', spec: '# T\n\n- [ ] do it\n' } })).item.id
const runsOf = async (one: Orchestrator, id: number) => (await one.client.call('getWork', { params: { id } })).runs
function isFrozen(one: Orchestrator): boolean {
  try {
    return /^State:\s+T/m.test(readFileSync(`/proc/${one.child.pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const said = (one: Orchestrator, text: string) => one.lines.some((line) => line.includes(text))

/** Living processes of workers of this test's directory, wrappers apart. */
function workers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${dir}/`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ') === 'sleep 600 '
    } catch {
      return false
    }
  })
}

describeWith(['docker', 'postgres'], 'two orchestrators at once', () => {
  // of its own: one that is frozen in a transaction holds up the events of all databases of its server
  let server: Awaited<ReturnType<typeof ownPostgres>>
  beforeAll(async () => {
    server = await ownPostgres()
  }, LONG)
  afterAll(() => server.remove())
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'factory-two-'))
    db = await testDatabase({ server: server.url })
  }, LONG)
  afterEach(async () => {
    for (const one of running.splice(0)) {
      if (isFrozen(one)) process.kill(one.child.pid, 'SIGCONT')
      await one.child.stop(5000)
    }
    for (const pid of workers()) process.kill(Number(pid), 'SIGKILL')
    await db.drop()
    rmSync(dir, { recursive: true, force: true })
  }, LONG)

  test('a rolling restart: the new one follows and serves, and leads as soon as the old one stops', async () => {
    const old = await begin({ leaderSeconds: 30 })
    await waitFor(() => leads(old), () => 'the first to lead')
    const next = await begin({ leaderSeconds: 30 })
    expect(await leaderPart(next)).toMatchObject({ ok: true, detail: expect.stringContaining('this orchestrator follows') })
    expect((await fetch(`${next.url}/ready`)).status).toBe(200)
    // what the follower takes the leader starts
    const first = await createWork(next)
    await waitFor(async () => (await runsOf(next, first)).length === 1 && workers().length === 1, () => 'the worker to be started')
    const before = await epoch()
    await old.child.stop(10_000)
    const began = performance.now()
    await waitFor(() => leads(next), () => 'the second to lead')
    // the lease is thirty seconds long: it was given back, and taken at the next look
    expect(performance.now() - began).toBeLessThan(28_000)
    expect(await epoch()).toBe(before + 1)
    const second = await createWork(next)
    await waitFor(async () => (await runsOf(next, second)).length === 1 && workers().length === 2, () => 'the new leader to start a worker')
    // the first one's worker is adopted, not lost
    expect((await runsOf(next, first)).map((run) => run.status)).toEqual(['starting'])
  }, LONG)

  test.each(['admit', 'write', 'engine'] as const)('a leader frozen before "%s" for longer than its lease can do nothing when it thaws', async (point) => {
    const frozen = await begin({ leaderSeconds: 4, freezeAt: point })
    await waitFor(() => leads(frozen), () => 'the first to lead')
    const other = await begin({ leaderSeconds: 4 })
    writeFileSync(frozen.freezeWhen, '')
    const early = point === 'admit' ? null : await createWork(other)
    await waitFor(() => isFrozen(frozen), () => 'the leader to be frozen')
    await waitFor(() => leads(other), () => 'the other to lead')
    const id = early ?? (await createWork(other))
    await waitFor(async () => (await runsOf(other, id)).length === 1 && workers().length === 1, () => `the new leader to start the worker; it says ${other.child.lastLines().join('\n')}`)
    const after = await db.sql`select type, item_id, run_id from work_events order by seq`
    process.kill(frozen.child.pid, 'SIGCONT')
    const refused = { admit: 'the scheduler could not look', write: 'this job is its to do', engine: 'worker started' }[point]
    await waitFor(() => said(frozen, refused), () => `the thawed one to say "${refused}"; it says ${frozen.child.lastLines().join('\n')}`)
    await waitFor(async () => !(await leads(frozen)), () => 'the thawed one to follow')
    // give it the time of several looks: what it does by itself must come to nothing
    const looks = await epoch()
    await waitFor(async () => (await db.sql`select 1 from leader where seen_at > now() - interval '1 second'`).length === 1 && (await leads(other)), () => 'both to look')
    expect(await epoch()).toBe(looks)
    expect((await runsOf(other, id)).map((run) => run.status)).toEqual(['starting'])
    expect(workers()).toHaveLength(1)
    expect(await db.sql`select type, item_id, run_id from work_events order by seq`).toEqual(after)
  }, LONG)
})
