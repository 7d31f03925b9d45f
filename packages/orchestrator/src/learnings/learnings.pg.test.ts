import type { NewLearning } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Embedder } from '../ports/embedder.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { backfillEmbeddings } from './backfill.ts'
import { recallLearnings } from './recall.ts'
import { saveLearnings } from './save.ts'
import { searchLearnings } from './search.ts'

/** Meaning, as far as this test goes: which of these subjects a text is about. */
const SUBJECTS = [/databas|postgres|sql/i, /button|css|page/i, /network|http|socket/i]
function embedder(model = 'm1'): Embedder & { away: boolean; broken: boolean } {
  return {
    kind: 'openai',
    model,
    away: false,
    broken: false,
    async embed(texts) {
      if (this.broken) throw new Error('quota')
      return this.away ? null : texts.map((text) => SUBJECTS.map((subject) => (subject.test(text) ? 1 : 0.01)))
    },
  }
}

const REPO = 'acme/app'
const learning = (text: string, kind: NewLearning['kind'] = 'gotcha'): NewLearning => ({ kind, text })
const texts = (learnings: readonly { text: string }[]) => learnings.map((one) => one.text)

describeWith(['postgres'], 'learnings', () => {
  let ctx: TestContext
  beforeEach(async () => {
    ctx = await testContext()
  })
  afterEach(() => ctx.db.drop())

  async function save(repo: string, learnings: NewLearning[]): Promise<number> {
    const itemId = await seedItem(ctx.db.sql, { repo, status: 'completed' })
    const runId = await seedRun(ctx.db.sql, itemId, { status: 'succeeded' })
    const count = await ctx.db.sql.begin((tx) => saveLearnings(tx, { repo, itemId, runId, learnings, at: ctx.clock.now() }))
    await backfillEmbeddings(ctx)
    return count
  }

  test('the same discovery in another spelling is kept once per repository, and told once', async () => {
    expect(await save(REPO, [learning('Run the tests twice.'), learning('run  the TESTS twice')])).toBe(1)
    expect(await save(REPO, [learning('Run the tests, twice!', 'pattern')])).toBe(0)
    expect(await save('acme/other', [learning('Run the tests twice.')])).toBe(1)
    expect(await ctx.db.sql`select count(*) as n from work_events where type = 'learning.saved'`).toMatchObject([{ n: 2 }])
  })

  test('without an embedder a long task text finds what shares a word with it, best first, in its repository', async () => {
    await save(REPO, [learning('The migration lock is called factory'), learning('Buttons are styled in theme.css'), learning('Retry the deploy')])
    await save('acme/other', [learning('The migration of another repository')])
    const task = `# Add a column\n\nWrite a migration that adds "created_at" & an index. It's for o'reilly (a|b) <-> \\ :* !x; the lock's name matters.`
    expect(texts(await recallLearnings(ctx, { repo: REPO, text: task, limit: 5 }))).toEqual(['The migration lock is called factory'])
  })

  test('when nothing is like it, the newest; and what is given is counted', async () => {
    await save(REPO, [learning('First discovery'), learning('Second discovery')])
    for (const text of ['zzz', '', 'the of and', '\u{1F600} ??']) {
      expect(texts(await recallLearnings(ctx, { repo: REPO, text, limit: 1 })), text).toEqual(['Second discovery'])
    }
    expect((await searchLearnings(ctx, { q: '', limit: 5 })).learnings.map((one) => one.timesGiven)).toEqual([4, 0])
    expect(await recallLearnings(ctx, { repo: 'acme/empty', text: 'x', limit: 3 })).toEqual([])
  })

  test('with an embedder what means the same is found without a common word', async () => {
    ctx.embedder = embedder()
    await save(REPO, [learning('Buttons are styled in theme.css'), learning('PostgreSQL wants the index first'), learning('Sockets close late')])
    const found = await searchLearnings(ctx, { q: 'sql', repo: REPO, limit: 1 })
    expect([found.mode, ...texts(found.learnings)]).toEqual(['hybrid', 'PostgreSQL wants the index first'])
    expect(texts(await recallLearnings(ctx, { repo: REPO, text: 'a button', limit: 1 }))).toEqual(['Buttons are styled in theme.css'])
  })

  test('the service away or broken loses nothing; vectors come later, and again for a new model', async () => {
    const service = embedder()
    ctx.embedder = service
    service.away = true
    expect(await save(REPO, [learning('PostgreSQL wants the index first')])).toBe(1)
    service.away = false
    service.broken = true
    expect(await save(REPO, [learning('Sockets close late')])).toBe(1)
    expect((await searchLearnings(ctx, { q: 'sockets', limit: 5 })).mode).toBe('text')
    expect(await backfillEmbeddings(ctx)).toBe(0)
    service.broken = false
    expect(await backfillEmbeddings(ctx)).toBe(2)
    expect(await backfillEmbeddings(ctx)).toBe(0)
    ctx.embedder = embedder('m2')
    expect(texts((await searchLearnings(ctx, { q: 'sql', limit: 5 })).learnings)).toEqual([])
    expect(await backfillEmbeddings(ctx)).toBe(2)
    expect(texts((await searchLearnings(ctx, { q: 'sql', limit: 1 })).learnings)).toEqual(['PostgreSQL wants the index first'])
  })

  test('people choose by repository and kind', async () => {
    await save(REPO, [learning('Deploy on Mondays', 'pattern'), learning('Deploy fails on Fridays')])
    await save('acme/other', [learning('Deploy by hand', 'approach')])
    const search = async (over: object) => texts((await searchLearnings(ctx, { q: 'deploy', limit: 10, ...over })).learnings)
    expect(await search({})).toHaveLength(3)
    expect(await search({ repo: REPO })).toHaveLength(2)
    expect(await search({ repo: REPO, kind: 'gotcha' })).toEqual(['Deploy fails on Fridays'])
  })
})
