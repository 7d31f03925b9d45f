import { describeWith } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { json } from './connect.ts'
import { testDatabase } from './testing.ts'

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
