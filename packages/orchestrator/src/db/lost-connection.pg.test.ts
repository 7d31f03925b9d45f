import { describeWith } from '@factory/rehearsal/testing'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { connect as dial, createServer } from 'node:net'
import { connect, type Db, type Query } from './connect.ts'
import { testDatabase, type TestDatabase } from './testing.ts'

let database: TestDatabase
let db: Db
beforeEach(async () => {
  database = await testDatabase()
  // one connection: whatever a lost one left behind is met by the next statement
  db = connect(database.url, { max: 1 })
})
afterEach(async () => {
  await db.close()
  await database.drop()
})

const backend = async (q: Query) => (await q<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid ?? 0

/** Ends a connection from the server's side and waits until it is gone. */
async function end(pid: number): Promise<void> {
  await database.sql`select pg_terminate_backend(${pid}, 5000)`
}

/** Lets what the end of a connection sets in motion in this process happen. */
async function heard(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await database.sql`select 1`
}

/**
 * Each of these ended the process, or spoiled the pool for many seconds, before the driver was patched
 * (patches/): a statement on a lost connection was written to nobody, or to the next one's session.
 */
describeWith(['postgres'], 'a connection that is lost', () => {
  test('in the middle of a statement of a transaction: it fails, and the pool goes on at once', async () => {
    const failed = db.sql.begin(async (tx) => {
      const pid = await backend(tx)
      const sleeping = tx`select pg_sleep(60)`.execute()
      sleeping.catch(() => {})
      await end(pid)
      await sleeping
    })
    await expect(failed).rejects.toThrow()
    expect(await db.sql`select 1 as one`).toMatchObject([{ one: 1 }])
  })

  test('between two statements of a transaction: the rest of it is done nowhere, least of all outside of it', async () => {
    const failed = db.sql.begin(async (tx) => {
      await tx`insert into repositories (name) values ('o/first')`
      await end(await backend(tx))
      await heard()
      // somebody else uses the pool meanwhile
      expect(await db.sql`select 1 as one`).toMatchObject([{ one: 1 }])
      await tx`insert into repositories (name) values ('o/second')`
    })
    await expect(failed).rejects.toThrow()
    await heard()
    expect(await db.sql`select name from repositories`).toHaveLength(0)
  })

  test('that was reserved: later statements fail, and giving it back harms nobody', async () => {
    const held = await db.sql.reserve()
    await end(await backend(held))
    await heard()
    await expect(held`select 1`.execute()).rejects.toThrow('CONNECTION_CLOSED')
    held.release()
    expect(await db.sql`select 1 as one`).toMatchObject([{ one: 1 }])
  })

  test('under a cursor: its reader can tell, and the next statement gets its own answer', async () => {
    const held = await db.sql.reserve()
    const pid = await backend(held)
    let seen = 0
    const reading = async () => {
      for await (const rows of held`select generate_series(1, 100000) as n`.cursor(100)) {
        seen += rows.length
        if (seen === 200) {
          await end(pid)
          await heard()
        }
      }
      await held`select 1`
    }
    await expect(reading()).rejects.toThrow()
    expect(seen).toBeLessThan(100_000)
    held.release()
    expect(await db.sql`select 'mine' as whose`).toMatchObject([{ whose: 'mine' }])
  })

  for (const [how, what] of [['resetAndDestroy', 'is reset'], ['destroy', 'is closed']] as const) {
    test(`while the driver asks it for its types: it ${what}, whoever waits is told or served by the next one, and nothing ends the process`, async () => {
      const unheard: unknown[] = []
      const hear = (reason: unknown) => void unheard.push(reason)
      process.on('unhandledRejection', hear)
      const { hostname, port } = new URL(database.url)
      let lost = 0
      const between = createServer((near) => {
        const far = dial(Number(port), hostname)
        far.on('error', () => near.destroy()).pipe(near)
        near.on('error', () => far.destroy()).on('data', (chunk: Buffer) => {
          if (lost < 3 && chunk.includes('typarray')) {
            lost += 1
            far.destroy()
            near[how]()
          } else far.write(chunk)
        })
      })
      await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
      const address = between.address()
      const through = new URL(database.url)
      through.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
      const other = connect(through.href, { max: 1 })
      try {
        let answer: unknown[] = []
        for (let tries = 0; tries < 5 && answer.length === 0; tries++) answer = await other.sql`select array['a', 'b'] as list`.catch(() => [])
        expect(answer).toEqual([{ list: ['a', 'b'] }])
        expect(lost).toBe(3)
        await heard()
        expect(unheard).toEqual([])
      } finally {
        process.off('unhandledRejection', hear)
        await other.close()
        between.close()
      }
    })
  }
})
