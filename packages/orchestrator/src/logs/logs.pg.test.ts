import type { LogLine } from '@factory/shared'
import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { cursorOf } from './merge.ts'
import { drainLog, pumpLogs } from './pump.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { testContext, type TestContext } from '../testing/test-context.ts'
import { workerLogs } from '../workers/logs.ts'

let ctx: TestContext
const SPEC = { itemId: 1, repo: 'acme/app', cache: 'acme/app', image: null, runToken: 'x', limits: { memoryMb: 1, cpus: 1, pids: 1 } }
const numbered = (from: number, to: number, word = 'line') => Array.from({ length: to - from }, (_, index) => `${word} ${from + index}\n`).join('')

/** A live run with a worker. */
async function running(): Promise<{ id: number; worker: string }> {
  const id = await seedRun(ctx.db.sql, await seedItem(ctx.db.sql))
  const [row] = await ctx.db.sql<{ id: number; worker: string }[]>`update runs set runtime = 'process' where id = ${id} returning id, worker`
  if (!row) throw new Error('no run')
  await ctx.runtime.start({ ...SPEC, name: row.worker, runId: id })
  return row
}

/** Every line of the API, in pages of these sizes. */
async function pages(runId: number, limits: readonly number[], from = 0): Promise<{ lines: LogLine[]; next: number }> {
  const lines: LogLine[] = []
  for (let after = from, round = 0; ; round++) {
    const limit = limits[round % limits.length] ?? 1
    const page = await workerLogs(ctx, runId, after, limit)
    expect(page.lines.length).toBeLessThanOrEqual(limit)
    lines.push(...page.lines)
    after = page.next
    if (page.lines.length < limit) return { lines, next: after }
  }
}
const texts = async (runId: number, limits: readonly number[] = [100]) => (await pages(runId, limits)).lines.map((line) => line.text)
const stored = async (runId: number) => (await ctx.db.sql<{ text: string }[]>`select text from run_logs where run_id = ${runId} order by seq`).map((row) => row.text).join('')

async function tell(runId: number, seq: number, at: string, event: Record<string, unknown>): Promise<void> {
  await ctx.db.sql`insert into run_events (run_id, seq, at, event) values (${runId}, ${seq}, ${at}, ${ctx.db.sql.json({ v: 1, seq, ts: at, run: 'r', ...event })})`
}

describeWith(['postgres'], "a worker's output", () => {
  beforeEach(async () => {
    ctx = await testContext({ LOG_BYTES_PER_RUN: '8192' })
  })
  afterEach(() => ctx.db.drop())

  test('is read on from where it was, by whoever reads next, and the same thing is never kept twice', async () => {
    const run = await running()
    ctx.runtime.write(run.worker, numbered(0, 100))
    await pumpLogs(ctx)
    expect(await stored(run.id)).toBe(numbered(0, 100))
    expect(await pumpLogs(ctx)).toBe(0)
    ctx.runtime.write(run.worker, numbered(100, 300))
    await Promise.all([pumpLogs(ctx), drainLog(ctx, run), pumpLogs(ctx), drainLog(ctx, run)])
    expect(await stored(run.id)).toBe(numbered(0, 300))
  })

  test('interrupted between reading and writing it is read again', async () => {
    const run = await running()
    ctx.runtime.write(run.worker, numbered(0, 10))
    // What was read cannot be written down: to the next reader it is as if it had not been read.
    await ctx.db.sql`create function no_space() returns trigger language plpgsql as 'begin raise exception ''no space left''; end'`
    await ctx.db.sql`create trigger no_space before insert on run_logs for each row execute function no_space()`
    expect(await pumpLogs(ctx)).toBe(0)
    await expect(drainLog(ctx, run)).rejects.toThrow('no space left')
    await ctx.db.sql`drop trigger no_space on run_logs`
    await pumpLogs(ctx)
    expect(await stored(run.id)).toBe(numbered(0, 10))
  })

  test('holds nothing that looks like a credential, and nothing that cannot be stored', async () => {
    const run = await running()
    ctx.runtime.write(run.worker, 'token ghp_abcdefghijklmnopqrstuvwxyz0123456789 and \0 and frt_7_abcdefghijklmnopqrst\n')
    await pumpLogs(ctx)
    expect(await stored(run.id)).toBe('token [redacted] and  and [redacted]\n')
  })

  test('beyond what is kept the middle goes, and its place says so; one who follows misses nothing', async () => {
    const run = await running()
    const followed: string[] = []
    let next = 0
    for (let round = 0; round < 40; round++) {
      ctx.runtime.write(run.worker, numbered(round * 100, (round + 1) * 100))
      await pumpLogs(ctx)
      const page = await pages(run.id, [33, 1000], next)
      next = page.next
      followed.push(...page.lines.map((line) => line.text))
    }
    expect(`${followed.join('\n')}\n`).toBe(numbered(0, 4000))
    const text = await stored(run.id)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192 + 1024)
    expect(Buffer.byteLength(text)).toBeGreaterThan(8192 - 3 * 1024)
    expect(text).toStartWith(numbered(0, 10))
    expect(text).toEndWith(numbered(3900, 4000))
    const all = await texts(run.id, [1, 7, 50])
    const gap = all.findIndex((line) => line.startsWith('['))
    const missing = Number(/^\[(\d+) lines are left out here/.exec(all[gap] ?? '')?.[1])
    expect(all.filter((line) => line.startsWith('['))).toHaveLength(1)
    expect(all.length - 1 + missing).toBe(4000)
    expect(all[gap + 1]).toBe(`line ${gap + missing}`)
  })

  test('stands among what Ralph told by time, also what he told late, each line once', async () => {
    const run = await running()
    await tell(run.id, 1, '2026-01-01T10:00:00Z', { event: 'agent.activity', iteration: 1, kind: 'text', summary: 'looks around', parent: null })
    ctx.clock.advance((Date.parse('2026-01-01T10:00:05Z') - ctx.clock.now().getTime()) / 1000)
    ctx.runtime.write(run.worker, 'checked out\nno newline at the end')
    await pumpLogs(ctx)
    const first = await pages(run.id, [2])
    expect(first.lines.map((line) => [line.stream, line.text])).toEqual([['agent', 'looks around'], ['worker', 'checked out'], ['worker', 'no newline at the end']])
    await tell(run.id, 2, '2026-01-01T10:00:01Z', { event: 'agent.activity', iteration: 1, kind: 'text', summary: 'told late', parent: null })
    const second = await pages(run.id, [1], first.next)
    expect(second.lines.map((line) => line.text)).toEqual(['told late'])
    expect(cursorOf(second.next)).toEqual({ event: 2, line: 2 })
    expect(await texts(run.id, [1, 2])).toEqual(['looks around', 'told late', 'checked out', 'no newline at the end'])
  })

  test('a worker whose output cannot be read keeps nobody else’s from being read; a silent engine is asked once', async () => {
    const [broken, fine] = [await running(), await running()]
    ctx.runtime.write(fine.worker, 'fine\n')
    const readLog = ctx.runtime.readLog
    let asked = 0
    ctx.runtime.readLog = (name, from, most) => ((asked += 1), name === broken.worker ? Promise.reject(new Error('corrupt log')) : readLog(name, from, most))
    await pumpLogs(ctx)
    expect(await stored(fine.id)).toBe('fine\n')
    // The engine answers, so the log is broken for good: its worker can be removed all the same.
    await drainLog(ctx, broken)
    for (let more = 0; more < 20; more++) await running()
    ctx.runtime.fault = new Error('engine away')
    asked = 0
    expect(await pumpLogs(ctx)).toBe(0)
    expect(asked).toBeLessThanOrEqual(8)
    await expect(drainLog(ctx, broken)).rejects.toThrow('could not be read')
  })

  test('of a run from before there were pieces, or whose output never could be read, the last words are shown, once and page by page', async () => {
    const id = await seedRun(ctx.db.sql, await seedItem(ctx.db.sql), { status: 'failed', finishedAt: new Date() })
    await ctx.db.sql`update runs set log_tail = ${'one\ntwo\nthree\n'}`
    expect(await texts(id)).toEqual([])
    await ctx.db.sql`update runs set cleaned_at = now()`
    expect(await texts(id, [2, 1])).toEqual(['one', 'two', 'three'])
  })
})
