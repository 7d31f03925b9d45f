import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, expect, test } from 'bun:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { FactoryError } from '@factory/shared'
import { json } from '../db/connect.ts'
import { dumpSchema } from '../db/dump-schema.ts'
import { applyMigration, migrate, readMigrations } from '../db/migrate.ts'
import { createBackup } from './create.ts'
import { dumpLines } from './dump.ts'
import { dropAll } from './store.ts'
import { contents, fill, openStore, packed, stream, type Kind, type Store } from './backup.fixture.ts'
import { restoreBackup } from './restore.ts'

const open: Store[] = []
async function store(kind: Kind): Promise<Store> {
  const made = await openStore(kind)
  open.push(made)
  return made
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.drop()
})

/** All but what a restore changes on purpose where no run was live: the leader and the sequences. */
const still = (lines: string[]) => lines.filter((line, index) => !line.startsWith('{"sequences"') && !lines[index - 1]?.startsWith('{"table":"leader"'))

describeWith(['postgres'], 'backup and restore', () => {
  test.each<[Kind, Kind]>([
    ['postgres', 'postgres'],
    ['embedded', 'embedded'],
    ['postgres', 'embedded'],
    ['embedded', 'postgres'],
  ])('from %s to %s every row comes back as it was', async (from, to) => {
    const source = await store(from)
    await fill(source.db.sql)
    await source.db.sql`update runs set status = 'failed', finished_at = now()`
    await source.db.sql`update work_items set current_run_id = null`
    const target = await store(to)
    const report = await restoreBackup(target, stream(await packed(source)))
    expect(report).toMatchObject({ factory: '1.0.0', migrated: [], requeued: [], rows: { work_items: 10, runs: 10, run_events: 50, work_events: 300, learnings: 10 } })
    await target.db.sql.begin(async (tx) => {
      await tx`alter table work_events disable trigger user`
      await tx`delete from work_events where type = 'factory.restored'`
      await tx`alter table work_events enable trigger user`
    })
    expect(still(await contents(target))).toEqual(still(await contents(source)))
  }, 60_000)

  test('numbers go on behind those of the backup, tokens far ahead, and tokens of runs from before are dead', async () => {
    const source = await store('postgres')
    await fill(source.db.sql)
    const [before] = await source.db.sql<{ token: number; key: string }[]>`select max(r.token) as token, max(s.run_key) as key from runs r, factory_state s`
    const target = await store('postgres')
    await restoreBackup(target, stream(await packed(source)))
    const [after] = await target.db.sql<{ item: number; run: number; token: number; key: string }[]>`
      select nextval('work_items_id_seq') as item, nextval('runs_id_seq') as run, nextval('fencing_token') as token, run_key as key from factory_state`
    expect(after).toMatchObject({ item: 11, run: 11 })
    expect(after?.token).toBeGreaterThan((before?.token ?? 0) + 1_000_000)
    expect(after?.key).not.toBe(before?.key)
    expect(after?.key).toHaveLength(64)
    expect(gunzipSync(await packed(source)).toString()).not.toContain(before?.key ?? '?')
    // the rows keep their own order, and readers of the stream see them all
    const [seen] = await target.db.sql<{ n: number }[]>`select count(*) as n from work_events where xid < pg_snapshot_xmin(pg_current_snapshot())`
    expect(seen?.n).toBe(300 + 1 + 3)
  })

  test('what was learned is found by meaning and by word', async () => {
    const source = await store('postgres')
    await fill(source.db.sql)
    const target = await store('embedded')
    await restoreBackup(target, stream(await packed(source)))
    expect(await target.db.sql`select id from learnings where search @@ plainto_tsquery('english', 'dog')`).toHaveLength(10)
    expect(await target.db.sql`select (embedding <=> '[0.1,-2.5e-7,3]'::vector)::float8 < 1e-6 as near from learnings limit 1`).toMatchObject([{ near: true }])
  }, 30_000)

  test('a file that is cut, changed or none of ours is refused in words and changes nothing', async () => {
    const source = await store('postgres')
    await fill(source.db.sql)
    const whole = await packed(source)
    const text = gunzipSync(whole).toString()
    const lines = text.trimEnd().split('\n')
    const again = (changed: readonly string[]) => gzipSync(`${changed.join('\n')}\n`)
    const flipped = Buffer.from(whole)
    const middle = Math.floor(flipped.length / 2)
    flipped.writeUInt8(flipped.readUInt8(middle) ^ 1, middle)
    const bad: [string, Uint8Array, RegExp][] = [
      ['cut in the middle', whole.subarray(0, middle), /damaged or incomplete/],
      ['cut by one byte', whole.subarray(0, -1), /damaged or incomplete/],
      ['a changed byte', flipped, /damaged or incomplete|cannot be read|no backup/],
      ['nothing', Buffer.alloc(0), /damaged or incomplete/],
      ['unpacked', Buffer.from(text), /damaged or incomplete/],
      ['something else', gzipSync('hello\n'), /no backup of a factory/],
      ['packed again without its end', again(lines.slice(0, -1)), /ends too early/],
      ['packed again without a row', again(lines.filter((_line, index) => index !== 4)), /contents were changed/],
      ['packed again with another word', gzipSync(text.replace('running dogs', 'walking dogs')), /contents were changed/],
      ['two of them', again([...lines, ...lines]), /follows its end/],
      ['another format', again([lines[0]?.replace('"format":1', '"format":2') ?? '', ...lines.slice(1)]), /format 2/],
      ['a newer factory', again([lines[0]?.replace(/"version":1,"name":"[^"]+"/, '"version":999,"name":"999_later.sql"') ?? '', ...lines.slice(1)]), /newer factory/],
      ['another history', again([lines[0]?.replace(/"checksum":"..../, '"checksum":"0000') ?? '', ...lines.slice(1)]), /another one than here/],
    ]
    const target = await store('postgres')
    const before = await contents(target)
    for (const [name, bytes, words] of bad) {
      const error = await restoreBackup(target, stream(bytes)).then(() => null, (thrown: unknown) => thrown)
      expect(error, name).toBeInstanceOf(FactoryError)
      expect(String(error), name).toMatch(words)
    }
    expect(await contents(target)).toEqual(before)
  })

  test('a factory that has work keeps it: a second restore, and two at once', async () => {
    const source = await store('postgres')
    await fill(source.db.sql)
    const backup = await packed(source)
    const target = await store('postgres')
    const results = await Promise.allSettled([restoreBackup(target, stream(backup)), restoreBackup(target, stream(backup))])
    expect(results.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected'])
    await expect(restoreBackup(target, stream(backup))).rejects.toThrow('has work items')
    expect(await target.db.sql`select count(*) as n from work_items`).toMatchObject([{ n: 10 }])
  })

  test('a reader who leaves ends the snapshot, and one who is slow holds up nobody', async () => {
    const source = await store('postgres')
    await fill(source.db.sql)
    const reading = dumpLines(source, '1.0.0')
    await reading.next()
    await source.db.sql`update work_items set title = 'later'`
    await reading.return(undefined)
    expect(await source.db.sql`select 1 from pg_stat_activity where state = 'idle in transaction' and datname = current_database()`).toHaveLength(0)
  })

  test('an embedded store that would stand still for too long says so, and goes on', async () => {
    const source = await store('embedded')
    await fill(source.db.sql)
    await expect(createBackup(source, '1.0.0', -1)).rejects.toThrow('too large to be read while the factory runs')
    expect(await source.db.sql`select 1 as one`).toHaveLength(1)
  }, 30_000)

  test('rows of any kind are the same after dump, restore and dump', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyText, fc.option(anyText, { nil: null }), fc.jsonValue(), fc.array(anyText, { maxLength: 3 }), fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })), { minLength: 1, maxLength: 8 }), async (rows) => {
        const source = await store('postgres')
        const target = await store('postgres')
        try {
          const { sql } = source.db
          await sql`insert into repositories (name) values ('o/r')`
          for (const [index, [title, description, evidence, files, at]] of rows.entries()) {
            await sql`insert into work_items (source, source_id, repo, title, description, evidence, files, status, created_at)
              values ('x', ${index}, 'o/r', ${title}, ${description}, ${json(sql, evidence)}, ${files}, 'completed', ${at})`
          }
          const backup = await packed(source)
          await restoreBackup(target, stream(backup))
          const rowsOf = (lines: string[]) => lines.filter((line) => line.startsWith('[') && line.includes('"o/r"'))
          expect(rowsOf(await contents(target))).toEqual(rowsOf(await contents(source)))
        } finally {
          for (const one of open.splice(0)) await one.drop()
        }
      }),
      { numRuns: 15 },
    )
  }, 60_000)

  test('a backup of an older factory is migrated like its database would be', async () => {
    const source = await store('postgres')
    const known = readMigrations()
    await source.db.sql.begin(async (tx) => {
      await dropAll(tx)
      for (const migration of known.slice(0, 1)) await applyMigration(tx, migration)
      await tx`delete from schema_migrations where version > 1`
    })
    await fill(source.db.sql)
    const target = await store('postgres')
    const schema = await dumpSchema(target.db.sql)
    const report = await restoreBackup(target, stream(await packed(source)))
    expect(report.migrated).toEqual(known.slice(1).map((one) => one.name))
    expect(report.rows).toMatchObject({ work_items: 10, work_events: 300 })
    expect(await dumpSchema(target.db.sql)).toBe(schema)
    expect(await migrate(target.db.sql)).toEqual([])
    expect(await target.db.sql`select count(*) as n from work_items where status = 'in_progress'`).toMatchObject([{ n: 0 }])
  })
})

const anyText = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\0', '').toWellFormed())
