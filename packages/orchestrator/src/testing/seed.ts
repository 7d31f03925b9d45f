import { createLogger, type WorkStatus } from '@factory/shared'
import { Writable } from 'node:stream'
import type { Sql } from '../db/connect.ts'

/** A logger whose lines a test can read. */
export function testLog(): { log: ReturnType<typeof createLogger>; lines: string[] } {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  return { log: createLogger('test', 'debug', sink), lines }
}

export type ItemSeed = { repo?: string; status?: WorkStatus; priority?: string; queuedAt?: Date; notBefore?: Date | null; files?: string[]; title?: string }

/** Writes an item as it stands, past all verbs. */
export async function seedItem(sql: Sql, seed: ItemSeed = {}): Promise<number> {
  const repo = seed.repo ?? 'owner/name'
  await sql`insert into repositories (name) values (${repo}) on conflict do nothing`
  const rows = await sql<{ id: number }[]>`
    insert into work_items (source, source_id, repo, title, spec, status, priority, queued_at, not_before, files)
    values ('test', ${crypto.randomUUID()}, ${repo}, ${seed.title ?? 'A task'}, '- [ ] do it', ${seed.status ?? 'queued'}, ${seed.priority ?? 'medium'},
      ${seed.queuedAt ?? new Date()}, ${seed.notBefore ?? null}, ${seed.files ?? []})
    returning id`
  return rows[0]?.id ?? 0
}

export type RunSeed = { kind?: string; status?: string; granted?: number; iterations?: number; outcome?: { code: string; message: string } | null; startedAt?: Date; finishedAt?: Date | null }

/** Writes a run as it stands; a live one becomes its item's current run. */
export async function seedRun(sql: Sql, itemId: number, seed: RunSeed = {}): Promise<number> {
  const status = seed.status ?? 'running'
  const rows = await sql<{ id: number }[]>`
    insert into runs (item_id, kind, status, attempt, worker, started_at, finished_at, lease_expires_at, iterations_granted, iterations, outcome)
    values (${itemId}, ${seed.kind ?? 'build'}, ${status}, 1, ${crypto.randomUUID()}, ${seed.startedAt ?? new Date()}, ${seed.finishedAt ?? null}, now() + interval '2 minutes',
      ${seed.granted ?? 0}, ${seed.iterations ?? 0}, ${seed.outcome ? sql.json(seed.outcome) : null})
    returning id`
  const id = rows[0]?.id ?? 0
  if (status === 'running' || status === 'starting') await sql`update work_items set current_run_id = ${id} where id = ${itemId}`
  return id
}
