import { describeWith } from '@factory/rehearsal/testing'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from './connect.ts'
import { migrate, MigrationError } from './migrate.ts'
import { emptyDatabase } from './testing.ts'

function withFiles(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'factory-migrations-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

const ONE = 'create table one (id integer primary key);'
const TWO = 'create table two (id integer primary key); insert into two select generate_series(1, 5);'

describeWith(['postgres'], 'migrate', () => {
  test('eight migrators at once apply each file once', async () => {
    const directory = withFiles({ '001_one.sql': ONE, '002_two.sql': TWO, 'README.md': 'not one' })
    const database = await emptyDatabase()
    const pools = Array.from({ length: 8 }, () => connect(database.url, { max: 1 }))
    try {
      const applied = await Promise.all(pools.map((pool) => migrate(pool.sql, directory)))
      expect(applied.flat().sort()).toEqual(['001_one.sql', '002_two.sql'])
      const check = connect(database.url, { max: 1 })
      pools.push(check)
      expect(await check.sql`select count(*) as n from two`).toMatchObject([{ n: 5 }])
    } finally {
      await Promise.all(pools.map((pool) => pool.close()))
      await database.drop()
      rmSync(directory, { recursive: true })
    }
  })

  test('a file that fails leaves nothing of itself and is run again', async () => {
    const directory = withFiles({ '001_one.sql': ONE, '002_two.sql': `${TWO} select 1 / 0;` })
    const database = await emptyDatabase()
    const pool = connect(database.url, { max: 1 })
    try {
      await expect(migrate(pool.sql, directory)).rejects.toThrow('division by zero')
      expect(await pool.sql`select to_regclass('one') as one, to_regclass('two') as two`).toMatchObject([{ one: 'one', two: null }])
      writeFileSync(join(directory, '002_two.sql'), TWO)
      expect(await migrate(pool.sql, directory)).toEqual(['002_two.sql'])
    } finally {
      await pool.close()
      await database.drop()
      rmSync(directory, { recursive: true })
    }
  })

  test('refuses a changed file and a database newer than the code', async () => {
    const directory = withFiles({ '001_one.sql': ONE, '002_two.sql': TWO })
    const database = await emptyDatabase()
    const pool = connect(database.url, { max: 1 })
    try {
      await migrate(pool.sql, directory)
      writeFileSync(join(directory, '001_one.sql'), `${ONE} -- changed`)
      await expect(migrate(pool.sql, directory)).rejects.toThrow('001_one.sql was changed after this database applied it')
      writeFileSync(join(directory, '001_one.sql'), ONE)
      rmSync(join(directory, '002_two.sql'))
      await expect(migrate(pool.sql, directory)).rejects.toThrow(MigrationError)
      await expect(migrate(pool.sql, directory)).rejects.toThrow('used by a newer one')
    } finally {
      await pool.close()
      await database.drop()
      rmSync(directory, { recursive: true })
    }
  })

  test('a gap in the numbers is refused', async () => {
    const directory = withFiles({ '001_one.sql': ONE, '003_three.sql': TWO })
    const database = await emptyDatabase()
    const pool = connect(database.url, { max: 1 })
    try {
      await expect(migrate(pool.sql, directory)).rejects.toThrow('must be number 2')
    } finally {
      await pool.close()
      await database.drop()
      rmSync(directory, { recursive: true })
    }
  })
})
