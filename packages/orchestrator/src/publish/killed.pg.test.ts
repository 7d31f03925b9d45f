import { afterAll, beforeAll, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import type { Context } from '../context.ts'
import { BASE, HEAD } from '../testing/drive.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { getItem } from '../work/read.ts'
import { dueEffects } from './due.ts'
import { publishPullRequest } from './publish.ts'
import { aroundForge, owe, type Owed } from './testing.ts'

let ctx: TestContext

/** What the forge looks like when the publisher comes: the steps it takes differ. */
const SCENES = {
  'nothing is there yet': () => undefined,
  'the branch stands where an earlier try put it': ({ branch }: Owed) => void ctx.forge.branches.set(`acme/app:${branch}`, BASE),
  'its pull request is open': (owed: Owed) => addPull(owed, 'open'),
  'a person closed its pull request': (owed: Owed) => addPull(owed, 'closed'),
  'a person closed it and deleted the branch': (owed: Owed) => {
    addPull(owed, 'closed')
    ctx.forge.branches.delete(`acme/app:${owed.branch}`)
  },
} as const
const sceneNames = ['nothing is there yet', 'the branch stands where an earlier try put it', 'its pull request is open', 'a person closed its pull request', 'a person closed it and deleted the branch'] as const

function addPull({ branch }: Owed, state: 'open' | 'closed'): void {
  ctx.forge.branches.set(`acme/app:${branch}`, BASE)
  const number = ctx.forge.pulls.length + 1
  ctx.forge.pulls.push({ number, url: `http://forge/acme/app/pull/${number}`, state, merged: false, draft: false, title: 'old', body: 'old', headBranch: branch, headSha: BASE, baseBranch: 'main' })
}

/** A process that stops for ever at its `step`-th call (from 0) to the forge or commit, before or after it is carried out. */
function mortal(step: number, when: 'before' | 'after'): { ctx: Context; dead: Promise<void>; calls: string[] } {
  const died = Promise.withResolvers<void>()
  const calls: string[] = []
  const dieAt = (which: 'before' | 'after') => async (call: string) => {
    if (which === 'before') calls.push(call)
    if (calls.length !== step + 1 || which !== when) return
    died.resolve()
    await new Promise<never>(() => {})
  }
  const [before, after] = [dieAt('before'), dieAt('after')]
  const sql = new Proxy(ctx.db.sql, {
    get(target, name, receiver) {
      if (name !== 'begin') return Reflect.get(target, name, receiver) as unknown
      return async (body: Parameters<typeof target.begin>[1]) => {
        await before('commit')
        const result: unknown = await target.begin(body)
        await after('commit')
        return result
      }
    },
  })
  return { ctx: { ...ctx, db: { ...ctx.db, sql }, forge: aroundForge(ctx.forge, { before, after }) }, dead: died.promise, calls }
}

/** Exactly one pull request, open, with the verified commit, and the item completed by it. */
async function expectPublished({ itemId, branch }: Owed): Promise<void> {
  const pulls = ctx.forge.pulls.filter((pull) => pull.headBranch === branch)
  expect(pulls).toHaveLength(1)
  expect(pulls[0]).toMatchObject({ state: 'open', title: 'Add a greeting' })
  expect(ctx.forge.branches.get(`acme/app:${branch}`)).toBe(HEAD)
  expect(await getItem(ctx, itemId)).toMatchObject({ status: 'completed', pull: { number: pulls[0]?.number } })
  const done = await ctx.db.sql`select 1 from work_events where item_id = ${itemId} and type = 'effect.done'`
  expect(done).toHaveLength(1)
}

describeWith(['postgres'], 'a publisher that is killed', () => {
  beforeAll(async () => {
    ctx = await testContext()
  })
  afterAll(() => ctx.db.drop())

  test.each(sceneNames)('between any two steps, when %s: the next one finishes, and there is one pull request', async (scene) => {
    const rehearse = await owe(ctx)
    SCENES[scene](rehearse)
    const whole = mortal(-1, 'before')
    await publishPullRequest(whole.ctx, rehearse.effect)
    await expectPublished(rehearse)
    expect(whole.calls.at(-1)).toBe('commit')
    expect(whole.calls.length).toBeGreaterThanOrEqual(7)

    for (const step of whole.calls.keys()) {
      for (const when of ['before', 'after'] as const) {
        const owed = await owe(ctx)
        SCENES[scene](owed)
        const victim = mortal(step, when)
        void publishPullRequest(victim.ctx, owed.effect)
        await victim.dead
        expect(victim.calls).toEqual(whole.calls.slice(0, step + 1))
        for (const effect of (await dueEffects(ctx, 10)).filter((one) => one.item_id === owed.itemId)) await publishPullRequest(ctx, effect)
        await expectPublished(owed)
      }
    }
  })

  test.each(['before', 'after'] as const)('one that was frozen while newer work was verified, and thaws %s that is published: only the newer counts', async (order) => {
    // Up to the last call that a publisher makes of its own.
    for (const step of [0, 1, 2, 3, 4, 5]) {
      const owed = await owe(ctx)
      const thaw = Promise.withResolvers<void>()
      const frozen = Promise.withResolvers<void>()
      let calls = 0
      const forge = aroundForge(ctx.forge, {
        async before() {
          calls += 1
          if (calls !== step + 1) return
          frozen.resolve()
          await thaw.promise
        },
      })
      const old = publishPullRequest({ ...ctx, forge }, owed.effect)
      await frozen.promise
      const newer = 'c'.repeat(40)
      await ctx.db.sql`update effects set payload = jsonb_set(payload, '{headSha}', ${`"${newer}"`}::text::jsonb) where id = ${owed.effect.id}`
      const publishNewer = async () => {
        const effect = (await dueEffects(ctx, 10)).find((one) => one.item_id === owed.itemId)
        if (!effect) throw new Error('the newer work is not due')
        await publishPullRequest(ctx, effect)
      }
      if (order === 'after') await publishNewer()
      thaw.resolve()
      await old
      if (order === 'before') await publishNewer()
      expect(ctx.forge.branches.get(`acme/app:${owed.branch}`)).toBe(newer)
      expect(ctx.forge.pulls.filter((pull) => pull.headBranch === owed.branch)).toHaveLength(1)
      expect((await getItem(ctx, owed.itemId)).status).toBe('completed')
    }
  })

  test('a cancelled item gets no pull request, wherever the publisher was', async () => {
    const owed = await owe(ctx)
    await ctx.db.sql`update work_items set status = 'cancelled' where id = ${owed.itemId}`
    await publishPullRequest(ctx, owed.effect)
    expect(ctx.forge.pulls.filter((pull) => pull.headBranch === owed.branch)).toEqual([])
    expect(ctx.forge.branches.has(`acme/app:${owed.branch}`)).toBe(false)
  })
})
