import { describeWith } from '@factory/rehearsal/testing'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { notLeading } from '../db/refusal.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { publishPullRequest } from './publish.ts'
import { aroundForge, owe } from './testing.ts'

describeWith(['postgres'], 'what is no failed try of the forge', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await testContext()
  })
  afterAll(() => ctx.db.drop())

  // Found by the chaos suite: each lapse of the lead used up one of eight tries, and put the next one off.
  test.each([
    ['this orchestrator is not sure that it leads', notLeading(1)],
    ['the database is away', Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' })],
  ])('%s: the effect stays as due as it was', async (_why, trouble) => {
    const { itemId, effect } = await owe(ctx)
    const before = await ctx.db.sql`select * from effects where item_id = ${itemId}`
    const lapsing = aroundForge(ctx.forge, { before: (call) => (call === 'createPull' ? Promise.reject(trouble) : Promise.resolve()) })
    expect(await publishPullRequest({ ...ctx, forge: lapsing }, effect).then(() => null, (error: unknown) => error)).toBe(trouble)
    expect(await ctx.db.sql`select * from effects where item_id = ${itemId}`).toEqual(before)
  })
})
