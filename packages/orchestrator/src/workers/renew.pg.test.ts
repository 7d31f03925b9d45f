import { expect, test } from 'bun:test'
import { describeWith } from '@factory/rehearsal/testing'
import { testDatabase } from '../db/testing.ts'
import { seedItem, seedRun } from '../testing/seed.ts'
import { callRegister, callRenew } from './store.ts'

describeWith(['postgres'], 'a lease', () => {
  // An orchestrator can be frozen between reading the time and its transaction; `bun run simulate` found it.
  test('that was given is not taken back by a renewal that was held up', async () => {
    const db = await testDatabase()
    try {
      const id = await seedRun(db.sql, await seedItem(db.sql), { status: 'starting' })
      const [row] = await db.sql<{ token: number }[]>`select token from runs where id = ${id}`
      const run = { id, token: row?.token ?? 0 }
      const ends = async () => (await db.sql<{ lease_expires_at: Date }[]>`select lease_expires_at from runs where id = ${id}`)[0]?.lease_expires_at
      // all of them past, so that none gives more than a lease from now
      const begin = Date.now() - 600_000
      const at = (seconds: number) => new Date(begin + seconds * 1000)
      await db.sql`update runs set lease_expires_at = ${at(0)} where id = ${id}`
      await callRenew(db.sql, run, { at: at(60), leaseSeconds: 120, lockSeconds: 3600 })
      await callRenew(db.sql, run, { at: at(0), leaseSeconds: 120, lockSeconds: 3600 })
      expect(await ends()).toEqual(at(180))
      await db.sql.begin((tx) => callRegister(tx, run, {}, at(10), 120))
      expect(await ends()).toEqual(at(180))
      await callRenew(db.sql, run, { at: at(61), leaseSeconds: 120, lockSeconds: 3600 })
      expect(await ends()).toEqual(at(181))
    } finally {
      await db.drop()
    }
  })
})
