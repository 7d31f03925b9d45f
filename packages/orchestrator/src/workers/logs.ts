import { RalphEvent, type LogLine } from '@factory/shared'
import type { Context } from '../context.ts'
import { linesOf } from '../logs/lines.ts'
import { cursorNumber, cursorOf, mergeLines, type Said } from '../logs/merge.ts'
import { workerLines } from '../logs/read.ts'
import { getRun } from './read.ts'
import { describeRalphEvent } from './render.ts'
import { loadLastWords, loadRunEvents } from './store.ts'

type Needs = Pick<Context, 'db'>

/**
 * What a run said, by time: Ralph's events as lines, and what its worker wrote. `after` is the `next` of
 * the page before, and nothing else: a number in which both have their place. A page with fewer than
 * `limit` lines holds all there is so far.
 */
export async function workerLogs(ctx: Needs, id: number, after: number, limit: number): Promise<{ lines: LogLine[]; next: number }> {
  const run = await getRun(ctx, id)
  const lines: LogLine[] = []
  for (let from = cursorOf(after); ; ) {
    const events = await ralphLines(ctx, id, from.event, limit)
    const written = (await lastWords(ctx, run, from.line)) ?? (await workerLines(ctx, id, from.line, limit))
    const page = mergeLines(events, written, from, limit - lines.length)
    lines.push(...page.lines)
    const read = cursorNumber(page.next) !== cursorNumber(from)
    from = page.next
    if (!read || lines.length >= limit) return { lines, next: cursorNumber(from) }
  }
}

async function ralphLines(ctx: Needs, id: number, after: number, limit: number): Promise<Said[]> {
  const rows = await loadRunEvents(ctx.db.sql, id, after, limit)
  return rows.map((row): Said => {
    const event = RalphEvent.safeParse(row.event)
    const text = event.success ? describeRalphEvent(event.data) : null
    return { at: row.at, cursor: row.seq, line: text === null || !event.success ? null : { at: row.at.toISOString(), stream: event.data.event === 'agent.activity' ? 'agent' : 'ralph', text } }
  })
}

/** Of a run whose output could never be read while its worker was there: the end of it, which was kept apart. */
async function lastWords(ctx: Needs, run: { id: number; finishedAt: string | null }, after: number): Promise<Said[] | null> {
  const text = run.finishedAt === null ? null : await loadLastWords(ctx.db.sql, run.id)
  if (text === null || run.finishedAt === null) return null
  const at = new Date(run.finishedAt)
  return linesOf(text).map((words, index): Said => ({ at, cursor: index + 1, line: { at: at.toISOString(), stream: 'stderr', text: words } })).slice(after)
}
