import { describeWith } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dumpSchema } from './dump-schema.ts'
import { freshSchema } from './fresh-schema.ts'
import { MIGRATIONS_DIR } from './migrate.ts'
import { testDatabase } from './testing.ts'

const written = readFileSync(join(MIGRATIONS_DIR, 'schema.sql'), 'utf8')

// When one of these fails after a new migration: bun packages/orchestrator/src/db/dump-schema.ts > migrations/schema.sql
describeWith(['postgres'], 'schema.sql', () => {
  test('is what the migrations make on PostgreSQL', async () => {
    const db = await testDatabase()
    try {
      expect(await dumpSchema(db.sql)).toBe(written)
    } finally {
      await db.drop()
    }
  })

  test('shows a change of a column, a default and a trigger', async () => {
    const db = await testDatabase()
    try {
      for (const change of ['alter table runs alter column versions drop default', 'alter table runs add column more text', 'drop trigger work_events_append_only on work_events']) {
        const before = await dumpSchema(db.sql)
        await db.sql.unsafe(change)
        expect(await dumpSchema(db.sql)).not.toBe(before)
      }
    } finally {
      await db.drop()
    }
  })
})

test('schema.sql is what the migrations make on the embedded store', async () => {
  expect(await freshSchema()).toBe(written)
}, 30_000)
