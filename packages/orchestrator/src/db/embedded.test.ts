import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from './connect.ts'
import { startEmbedded } from './embedded.ts'
import { callAdmit } from '../scheduler/store.ts'
import { migrate } from './migrate.ts'

const LIMITS = { maxWorkers: 1, maxWorkersPerRepo: 0, dailyIterations: 10, cooldownSeconds: 0, maxIterations: 5, leaseSeconds: 120, ageHours: 6 }

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'factory-embedded-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Reads what the owner committed until `enough` lines came. Leaves the pipe open: only the kill may end the owner. */
async function readCommitted(stdout: ReadableStream<Uint8Array>, enough: number): Promise<number> {
  const reader = stdout.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`the owner ended after: ${text}`)
    text += decoder.decode(value, { stream: true })
    const count = text.split('\n').length - 1
    if (count >= enough) return count
  }
}

test('what was committed is there after kill -9, and the dead owner holds nothing', async () => {
  const owner = Bun.spawn([process.execPath, join(import.meta.dir, 'embedded.fixture.ts'), directory], { stdout: 'pipe', stderr: 'inherit' })
  const committed = await readCommitted(owner.stdout, 50)
  await expect(startEmbedded(directory)).rejects.toThrow(`in use by another factory ({"pid":${owner.pid}`)
  owner.kill('SIGKILL')
  await owner.exited

  const embedded = await startEmbedded(directory)
  const db = connect(embedded.url, { max: embedded.max })
  try {
    expect(await migrate(db.sql)).toEqual([])
    const [row] = await db.sql<{ n: number }[]>`select count(*) as n from repositories where name in (select 'owner/' || i from generate_series(1, ${committed}::int) i)`
    expect(row?.n).toBe(committed)
  } finally {
    await db.close()
    await embedded.close()
  }
}, 60_000)

test('two owners in one process exclude each other, and a closed one makes way', async () => {
  const first = await startEmbedded(directory)
  await expect(startEmbedded(directory)).rejects.toThrow('in use by another factory')
  await first.close()
  const second = await startEmbedded(directory)
  await second.close()
}, 60_000)

test('admission, SKIP LOCKED, snapshots, full text and vectors work', async () => {
  const embedded = await startEmbedded(directory)
  const { sql, close } = connect(embedded.url, { max: embedded.max })
  try {
    await migrate(sql)
    await sql`insert into repositories (name) values ('o/r')`
    const [item] = await sql<{ id: number }[]>`
      insert into work_items (source, source_id, repo, title, spec, status, files) values ('api', '1', 'o/r', 't', '- [ ] x', 'queued', ${['a.ts']}) returning id`
    expect(await callAdmit(sql, null, LIMITS, 2)).toMatchObject([{ outcome: 'admitted', itemId: item?.id }, { outcome: 'worker_slot' }])
    expect(await sql`select id from work_items for update skip locked`).toHaveLength(1)
    expect(await sql`select type from work_events where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, seq`).toMatchObject([{ type: 'run.admitted' }, { type: 'work.status' }])
    await sql`insert into learnings (repo, kind, text, text_hash, embedding) values ('o/r', 'pattern', 'running dogs', 'h', '[1,2,3]')`
    expect(await sql`select embedding <=> '[1,2,3]'::vector as distance from learnings where search @@ plainto_tsquery('english', 'dog')`).toMatchObject([{ distance: 0 }])
    await expect(sql`update work_events set type = 'x'`.execute()).rejects.toThrow('append-only')
    // a failed transaction leaves the only session usable
    await expect(sql.begin((tx) => tx`select 1 / 0`)).rejects.toThrow('division by zero')
    expect(await sql`select 1 as one`).toHaveLength(1)
  } finally {
    await close()
    await embedded.close()
  }
}, 60_000)
