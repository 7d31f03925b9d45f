import { afterAll, beforeAll, expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import * as fc from 'fast-check'
import { ForgeError } from '../ports/forge.ts'
import { HEAD } from '../testing/drive.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { getItem } from '../work/read.ts'
import { dueEffects } from './due.ts'
import { publishPullRequest } from './publish.ts'
import { aroundForge, owe } from './testing.ts'

let ctx: TestContext

/** What becomes of a call: it goes well, is refused, or is carried out and its answer lost. */
const fates = fc.infiniteStream(fc.oneof({ weight: 8, arbitrary: fc.constant('well') }, { weight: 1, arbitrary: fc.constant('refused') }, { weight: 1, arbitrary: fc.constant('lost') }))

describeWith(['postgres'], 'two publishers of one effect at once', () => {
  beforeAll(async () => {
    ctx = await testContext()
  })
  afterAll(() => ctx.db.drop())

  test('one pull request, in whatever order their steps fall, and whatever the forge answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fates, async (schedule, fate) => {
        const { itemId, branch, effect } = await owe(ctx)
        const next = fate[Symbol.iterator]()
        const publisher = (name: string) => {
          let doomed = 'well'
          const forge = aroundForge(ctx.forge, {
            async before(call) {
              await schedule.schedule(Promise.resolve(), `${name} ${call}`)
              doomed = next.next().value ?? 'well'
              if (doomed === 'refused') throw new ForgeError('unreachable', '502')
            },
            async after(call) {
              const lost = doomed === 'lost'
              await schedule.schedule(Promise.resolve(), `${name} hears of ${call}`)
              if (lost) throw new ForgeError('unreachable', '502')
            },
          })
          return publishPullRequest({ ...ctx, forge }, effect)
        }
        await schedule.waitFor(Promise.all([publisher('one'), publisher('other')]))
        // What the forge's failures left undone is taken up later, as the scheduler does.
        for (let round = 0; round < 3; round += 1) {
          ctx.clock.advance(60)
          for (const due of (await dueEffects(ctx, 10)).filter((one) => one.item_id === itemId)) await publishPullRequest(ctx, due)
        }
        const pulls = ctx.forge.pulls.filter((pull) => pull.headBranch === branch)
        expect(pulls).toHaveLength(1)
        expect(ctx.forge.branches.get(`acme/app:${branch}`)).toBe(HEAD)
        expect(await getItem(ctx, itemId)).toMatchObject({ status: 'completed', pull: { number: pulls[0]?.number } })
        expect(await ctx.db.sql`select 1 from work_events where item_id = ${itemId} and type = 'effect.done'`).toHaveLength(1)
      }),
      { numRuns: 150 },
    )
  })
})
