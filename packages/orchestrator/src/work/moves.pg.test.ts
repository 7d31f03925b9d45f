import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { ACCOUNT_TRANSITIONS, EFFECT_TRANSITIONS, FactoryError, RUN_TRANSITIONS, WORK_TRANSITIONS } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import fc from 'fast-check'
import { killWorker } from '../workers/kill.ts'
import { completeRun, failRun, pauseRun, stuckRun } from '../workers/end.ts'
import { heartbeat } from '../workers/heartbeat.ts'
import { registerRun } from '../workers/register.ts'
import { listWorkers } from '../workers/read.ts'
import { BASE, HEAD, passed, settleDown, SPEC } from '../testing/drive.ts'
import { movesOf, replayItem, storedItem } from '../testing/replay.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { cancelWork } from './cancel.ts'
import { createWork } from './create.ts'
import { editWork } from './edit.ts'
import { moveItem } from './move.ts'
import { retryWork } from './retry.ts'
import { transact } from '../transact.ts'

const tables = { work: WORK_TRANSITIONS, run: RUN_TRANSITIONS, effect: EFFECT_TRANSITIONS, account: ACCOUNT_TRANSITIONS }

describeWith(['postgres'], 'moves', () => {
  let ctx: TestContext
  beforeEach(async () => {
    ctx = await testContext({ RETRY_BACKOFF_SECONDS: '0', MAX_WORKERS: '2', MAX_ATTEMPTS: '2', DAILY_BUDGET: '1000' })
  })
  afterEach(() => ctx.db.drop())

  test('the database allows what the tables in the code allow, and nothing else', async () => {
    const rows = await ctx.db.sql<{ kind: string; from_status: string; to_status: string }[]>`select * from allowed_moves`
    const ours = Object.entries(tables).flatMap(([kind, table]) => Object.entries<readonly string[]>(table).flatMap(([from, to]) => to.map((one) => `${kind}: ${from} → ${one}`)))
    expect(rows.map((row) => `${row.kind}: ${row.from_status} → ${row.to_status}`).sort()).toEqual(ours.sort())
  })

  describe('whoever tries it', () => {
    test('a statement that writes another status past the functions is refused', async () => {
      const id = await seedItem(ctx.db.sql, { status: 'completed' })
      expect(ctx.db.sql`update work_items set status = 'queued' where id = ${id}`).rejects.toThrow(`work ${id} is completed; it cannot become queued`)
      const run = await seedRun(ctx.db.sql, id, { status: 'lost' })
      expect(ctx.db.sql`update runs set status = 'running' where id = ${run}`).rejects.toThrow(`run ${run} is lost; it cannot become running`)
    })

    test('a verb that tries it is told so by code, and nothing of its transaction stays', async () => {
      const id = await seedItem(ctx.db.sql, { status: 'completed' })
      const moving = transact(ctx, (tx) => moveItem(tx, { id, status: 'completed' }, 'queued', { reason: 'no', at: new Date() }))
      expect(moving).rejects.toMatchObject({ code: 'conflict' })
      expect(await ctx.db.sql`select type from work_events where item_id = ${id}`).toHaveLength(0)
    })

    test('a column that no move has is refused by name', async () => {
      const id = await seedItem(ctx.db.sql)
      expect(ctx.db.sql`select change_item(${id}, null, '{"status": "completed"}', 'work.noted', null, '{}', now())`).rejects.toThrow('"status"')
    })
  })

  /** What can happen, in any order. Refusals are answers; anything else that is thrown fails the property. */
  const deeds = {
    create: async (n: number) => createWork(ctx, { source: 'github', sourceId: `acme/app#${n % 4}`, repo: `acme/app${n % 2}`, ...(n % 3 === 0 ? { description: 'Make it nicer' } : { spec: SPEC }) }),
    tick: async () => settleDown(ctx),
    register: async (n: number) => registerRun(ctx, await someRun(n), { versions: {} }),
    beat: async (n: number) => heartbeat(ctx, await someRun(n), { events: [], ...(n % 2 ? { headSha: HEAD, baseSha: BASE } : {}), usage: { iterations: n % 4, inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: n / 10 } }),
    complete: async (n: number) => completeRun(ctx, await someRun(n), { events: [], learnings: [], headSha: HEAD, baseSha: BASE, spec: SPEC, report: { ...passed, passed: n % 3 > 0, reason: 'measured' } }),
    fail: async (n: number) => failRun(ctx, await someRun(n), { events: [], learnings: [], outcome: { code: n % 2 ? 'internal' : 'repository_unreachable', message: 'no', until: null } }),
    stuck: async (n: number) => stuckRun(ctx, await someRun(n), { events: [], learnings: [], outcome: { code: 'stuck', message: 'no', until: null }, report: 'why' }),
    pause: async (n: number) => pauseRun(ctx, await someRun(n), { events: [], learnings: [], outcome: { code: 'usage_limit', message: 'later', until: new Date(Date.now() - 1000).toISOString() } }),
    expire: async () => ctx.db.sql`update runs set lease_expires_at = now() - interval '1 minute' where status in ('starting', 'running')`,
    kill: async (n: number) => killWorker(ctx, (await someRun(n)).id, 'a person'),
    cancel: async (n: number) => cancelWork(ctx, await someItem(n), 'a person'),
    retry: async (n: number) => retryWork(ctx, await someItem(n), 'a person'),
    edit: async (n: number) => editWork(ctx, await someItem(n), n % 2 ? { spec: SPEC.replace('greeting', 'farewell') } : { priority: 'high' }),
  } satisfies Record<string, (n: number) => Promise<unknown>>

  async function someRun(n: number) {
    const runs = await listWorkers(ctx, { limit: 5 })
    const run = runs[n % Math.max(1, runs.length)]
    if (!run) throw new FactoryError('not_found', 'nothing runs')
    return { id: run.id, itemId: run.itemId, token: run.token }
  }
  async function someItem(n: number): Promise<number> {
    const rows = await ctx.db.sql<{ id: number }[]>`select id from work_items order by id`
    return rows[n % Math.max(1, rows.length)]?.id ?? 1
  }

  test('whatever happens in whatever order: only allowed moves, one live run at most, and the events rebuild every item', async () => {
    const { sql } = ctx.db
    const refused: string[] = []
    const deed = fc.record({ do: fc.constantFrom(...Object.keys(deeds)), n: fc.nat(30) })
    const step = fc.oneof({ arbitrary: deed, weight: 3 }, { arbitrary: fc.record({ do: fc.constantFrom('create', 'tick', 'register', 'complete'), n: fc.nat(30) }), weight: 2 })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        for (const { do: name, n } of steps) {
          const act = Object.entries(deeds).find(([key]) => key === name)?.[1]
          await act?.(n).catch((error: unknown) => {
            const code = error instanceof Error && 'code' in error ? String(error.code) : ''
            if (!['conflict', 'stale_token', 'not_found', 'unprocessable'].includes(code)) throw error
            refused.push(code)
          })
        }
        const items = await sql<{ id: number; status: string }[]>`select id, status from work_items`
        for (const { id } of items) {
          expect(await replayItem(sql, id)).toEqual(await storedItem(sql, id))
          const moves = await movesOf(sql, id)
          for (const [index, to] of moves.entries()) {
            const from = moves[index - 1]
            if (from !== undefined) expect(Object.entries<readonly string[]>(WORK_TRANSITIONS).find(([key]) => key === from)?.[1] ?? []).toContain(to)
          }
        }
        expect(await sql`select item_id from runs where status in ('starting', 'running') group by item_id having count(*) > 1`).toHaveLength(0)
        expect(ctx.forge.pulls.length).toBe(new Set(ctx.forge.pulls.map((pull) => pull.headBranch)).size)
      }),
      { numRuns: 25 },
    )
    expect(new Set(refused).size).toBeGreaterThan(1)
  }, 120_000)
})
