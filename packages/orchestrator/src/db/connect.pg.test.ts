import { describeWith } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { isStoreAway } from './away.ts'
import { connect, json, silentMs } from './connect.ts'
import { testDatabase } from './testing.ts'

test('a connection may be silent for as long as a statement may take, for ever where that has no limit', () => {
  expect(silentMs(15_000)).toBe(20_000)
  expect(silentMs(0)).toBe(0)
})

describeWith(['postgres'], 'connect', () => {
  test('int8 and numeric arrive as numbers, times as Date, jsonb as data, text[] both ways', async () => {
    const db = await testDatabase()
    try {
      const [row] = await db.sql`
        select 9007199254740991::int8 as big, 1.5::numeric as money, timestamptz '2026-01-02T03:04:05Z' as at,
          ${json(db.sql, { a: [1, null] })}::jsonb as data, jsonb_typeof(${json(db.sql, { a: 1 })}::jsonb) as kind,
          ${['a', 'b,"c"']}::text[] as list`
      expect(row).toEqual({ big: 9007199254740991, money: 1.5, at: new Date('2026-01-02T03:04:05Z'), data: { a: [1, null] }, kind: 'object', list: ['a', 'b,"c"'] })
    } finally {
      await db.drop()
    }
  })

  test('the server ends a statement that takes too long', async () => {
    const db = await testDatabase({ statementTimeoutMs: 100 })
    try {
      await expect(db.sql`select pg_sleep(20)`.execute()).rejects.toThrow('statement timeout')
    } finally {
      await db.drop()
    }
  })

  test('a transaction whose connection was lost goes on nowhere, and takes nothing down with it', async () => {
    const db = await testDatabase({ max: 1 })
    const other = connect(db.url, { max: 1 })
    try {
      await db.sql`create table seen (n integer)`
      const late = Promise.withResolvers<unknown>()
      const cut = db.sql.begin(async (tx) => {
        const [me] = await tx<{ pid: number }[]>`insert into seen values (1) returning pg_backend_pid() as pid`
        await other.sql`select pg_terminate_backend(${me?.pid ?? 0})`
        while ((await other.sql`select 1 from pg_stat_activity where pid = ${me?.pid ?? 0}`).length > 0);
        // the pool's one connection is opened anew, for somebody else
        while ((await db.sql`select 1`.catch(() => [])).length === 0);
        late.resolve(await tx`insert into seen values (2)`.catch((error: unknown) => error))
      })
      expect(await cut.catch((error: unknown) => error)).toSatisfy(isStoreAway)
      expect(await late.promise).toSatisfy(isStoreAway)
      expect(await other.sql`select n from seen`).toHaveLength(0)
      expect(await db.sql.begin((tx) => tx`insert into seen values (3) returning n`)).toHaveLength(1)
    } finally {
      await other.close()
      await db.drop()
    }
  }, 15_000)

  test('connections that hang are cut: what waits fails at once, what comes next connects anew', async () => {
    const db = await testDatabase({ max: 2 })
    const pool = connect(db.url, { max: 2 })
    try {
      const waits = [pool.sql`select pg_sleep(30)`.execute(), pool.sql.begin((tx) => tx`select pg_sleep(30)`)].map((one) => one.then(() => null, (error: unknown) => error))
      while ((await db.sql`select 1 from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%' and state = 'active'`).length < 2);
      pool.cut('the test says so')
      for (const wait of waits) expect(await wait).toSatisfy(isStoreAway)
      expect(await pool.sql`select 1`).toHaveLength(1)
    } finally {
      await pool.close()
      await db.drop()
    }
  }, 15_000)

  test('the pool comes back after the server cut every connection', async () => {
    const db = await testDatabase({ max: 2 })
    const other = await testDatabase({ max: 1 })
    try {
      await db.sql`select 1`
      await other.sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = ${new URL(db.url).pathname.slice(1)}`
      // the cut may be noticed by the first query, never by a later one
      await db.sql`select 1`.catch(() => null)
      const started = performance.now()
      expect(await db.sql`select 1 as one`).toHaveLength(1)
      expect(performance.now() - started).toBeLessThan(3000)
    } finally {
      await db.drop()
      await other.drop()
    }
  }, 15_000)
})
