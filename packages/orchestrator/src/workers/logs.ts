import { RalphEvent, type LogLine } from '@factory/shared'
import type { Context } from '../context.ts'
import { getRun } from './read.ts'
import { describeRalphEvent } from './render.ts'
import { loadLogTail, loadRunEvents } from './store.ts'

/** What a run said, oldest first: Ralph's events as lines; after the end also the tail of its stderr. */
export async function workerLogs(ctx: Pick<Context, 'db'>, id: number, after: number, limit: number): Promise<{ lines: LogLine[]; next: number }> {
  const run = await getRun(ctx, id)
  const rows = await loadRunEvents(ctx.db.sql, id, after, limit)
  const lines = rows.flatMap((row): LogLine[] => {
    const event = RalphEvent.safeParse(row.event)
    if (!event.success) return []
    const text = describeRalphEvent(event.data)
    return text === null ? [] : [{ at: row.at.toISOString(), stream: event.data.event === 'agent.activity' ? 'agent' : 'ralph', text }]
  })
  if (run.finishedAt !== null && rows.length < limit && after === 0) {
    const tail = await loadLogTail(ctx.db.sql, id)
    for (const text of tail?.split('\n').filter(Boolean) ?? []) lines.push({ at: run.finishedAt, stream: 'stderr', text })
  }
  return { lines, next: rows.at(-1)?.seq ?? after }
}
