import { describeWith } from '@factory/rehearsal/testing'
import { isLiveRun, type WorkStatus } from '@factory/shared'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { ForgeError } from '../ports/forge.ts'
import { BASE, HEAD, passed, settleDown, SPEC } from '../testing/drive.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { createWork } from '../work/create.ts'
import { getItem, getWork } from '../work/read.ts'
import { authorizeRun } from '../workers/authorize.ts'
import { completeRun } from '../workers/end.ts'
import { listWorkers } from '../workers/read.ts'
import { registerRun } from '../workers/register.ts'
import { packed, stream } from './backup.fixture.ts'
import { restoreBackup } from './restore.ts'

let before: TestContext
let after: TestContext
const NOTHING = { events: [], learnings: [] }
const env = { MAX_WORKERS: '10', RETRY_BACKOFF_SECONDS: '0' }

/** Takes every live run to its next end, as a worker that does its work would. */
async function workOn(ctx: TestContext, items?: readonly number[]): Promise<void> {
  for (const run of await listWorkers(ctx, { live: true, limit: 50 })) {
    if (items && !items.includes(run.itemId)) continue
    const ref = { id: run.id, itemId: run.itemId, token: run.token }
    await registerRun(ctx, ref, { versions: {} })
    if (run.kind === 'build') await completeRun(ctx, ref, { ...NOTHING, headSha: HEAD, baseSha: BASE })
    else await completeRun(ctx, ref, { ...NOTHING, report: passed })
  }
}

const statuses = async (ctx: TestContext, ids: readonly number[]): Promise<WorkStatus[]> => Promise.all(ids.map(async (id) => (await getItem(ctx, id)).status))

describeWith(['postgres'], 'restoring with runs in flight', () => {
  beforeEach(async () => {
    before = await testContext(env)
    after = await testContext(env)
    // one world outside, and the workers of the old time still in it
    after.forge = before.forge
    after.runtime = before.runtime
  })
  afterEach(async () => {
    await before.db.drop()
    await after.db.drop()
  })

  test('each is lost, its item waits again at nobody’s cost, and all come to one pull request each', async () => {
    const ids: number[] = []
    for (const n of [1, 2, 3, 4]) ids.push((await createWork(before, { source: 'github', sourceId: `acme/app#${n}`, repo: 'acme/app', spec: SPEC.replace('greeting', `greeting ${n}`) })).item.id)
    const [publishing, verifying, running, starting] = ids as [number, number, number, number]
    await settleDown(before)
    await workOn(before, [publishing, verifying])
    await settleDown(before)
    before.forge.faults.push({ how: 'refuse', call: 'createPull', error: new ForgeError('unreachable', 'away') })
    await workOn(before, [publishing])
    await settleDown(before)
    const live = await listWorkers(before, { live: true, limit: 10 })
    const build = live.find((run) => run.itemId === running)
    await registerRun(before, { id: build?.id ?? 0, itemId: running, token: build?.token ?? 0 }, { versions: {} })
    expect(await statuses(before, ids)).toEqual(['publishing', 'verifying', 'in_progress', 'in_progress'])
    const states = (await listWorkers(before, { live: true, limit: 10 })).map((run) => [run.itemId, run.kind, run.status])
    expect(states).toEqual(expect.arrayContaining([[verifying, 'verify', 'starting'], [running, 'build', 'running'], [starting, 'build', 'starting']]))
    const tokenOf = (item: number) => before.runtime.started.findLast((spec) => spec.itemId === item)?.runToken ?? ''
    expect(await authorizeRun(before, tokenOf(running))).toMatchObject({ itemId: running })
    const backup = await packed(before)

    // Time goes on after the backup: its pull request is opened, and another run pushes.
    before.clock.advance(60)
    await settleDown(before)
    expect(await getItem(before, publishing)).toMatchObject({ status: 'completed' })
    expect(before.forge.pulls).toHaveLength(1)

    const report = await restoreBackup(after, stream(backup))
    expect(report.requeued.toSorted()).toEqual([verifying, running, starting].toSorted())
    expect(await statuses(after, ids)).toEqual(['publishing', 'verifying', 'queued', 'queued'])
    for (const id of [verifying, running, starting]) {
      const { item, runs } = await getWork(after, id)
      expect(item).toMatchObject({ attempts: 0, losses: 0, run: null, waiting: null })
      expect(runs.at(-1)).toMatchObject({ status: 'lost', outcome: { code: 'restored', message: 'restored from a backup' } })
    }
    // workers of the old time: their tokens are dead, and they are removed as strangers
    await expect(authorizeRun(after, tokenOf(running))).rejects.toThrow('nobody issued')
    // whoever led the empty factory leads no more
    await expect(settleDown(after)).rejects.toThrow('another orchestrator leads now')
    const [lead] = await after.db.sql<{ epoch: number }[]>`select epoch from take_lead('test', 3600)`
    after.leader = { ...after.leader, epoch: () => lead?.epoch ?? null }
    after.clock.advance(60)
    for (let round = 0; round < 8; round++) {
      await settleDown(after)
      await workOn(after)
    }
    await settleDown(after)
    expect(await statuses(after, ids)).toEqual(['completed', 'completed', 'completed', 'completed'])
    expect(after.forge.pulls.map((pull) => pull.headBranch).toSorted()).toEqual([...new Set(after.forge.pulls.map((pull) => pull.headBranch))].toSorted())
    expect(after.forge.pulls).toHaveLength(4)
    const { runs } = await getWork(after, running)
    expect(runs.every((run) => !isLiveRun(run.status))).toBe(true)
    expect(runs.at(-1)?.token).toBeGreaterThan(1_000_000)
    expect(await after.runtime.list()).toEqual([])
  })

  test('a restore that fails at its very end leaves the empty factory as it was', async () => {
    await createWork(before, { source: 'github', sourceId: 'acme/app#1', repo: 'acme/app', spec: SPEC })
    await settleDown(before)
    const backup = await packed(before)
    await after.db.sql`create function refuse_restored() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$`
    await after.db.sql`create trigger zz_refuse before update on runs for each row when (new.status = 'lost') execute function refuse_restored()`
    await expect(restoreBackup(after, stream(backup))).rejects.toThrow('no room')
    expect(await after.db.sql`select count(*) as n from work_items`).toMatchObject([{ n: 0 }])
    expect(await after.db.sql`select count(*) as n from work_events`).toMatchObject([{ n: 0 }])
    await after.db.sql`drop trigger zz_refuse on runs`
    expect((await restoreBackup(after, stream(backup))).requeued).toHaveLength(1)
  })
})
