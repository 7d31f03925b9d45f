import { need } from '@factory/rehearsal/testing'
import { createHash, randomBytes } from 'node:crypto'
import { connect, type ConnectOptions, type Db } from './connect.ts'
import { migrate, readMigrations } from './migrate.ts'

export type TestDatabase = Db & {
  url: string
  /** Closes the pool and drops the database. */
  drop(): Promise<void>
}

const named = (server: string, name: string): string => {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.toString()
}

/** By server. */
const templates = new Map<string, Promise<string>>()

/**
 * A database of its own for one test, migrated, on the server of TEST_DATABASE_URL: a clone of a
 * template that is made once per version of the migrations, whichever test process comes first.
 * `server`: another one, for a test that holds a transaction open for long, which holds up the event streams
 * of every database of its server.
 */
export async function testDatabase({ server = need('postgres'), ...options }: ConnectOptions & { server?: string } = {}): Promise<TestDatabase> {
  const template = templates.get(server) ?? makeTemplate(server)
  templates.set(server, template)
  const name = `factory_test_${randomBytes(6).toString('hex')}`
  const from = await template
  // by files: through the log it takes twice as long
  await asAdmin(server, (admin) => admin.sql.unsafe(`create database ${name} template ${from} strategy file_copy`))
  const url = named(server, name)
  const db = connect(url, { max: 4, ...options })
  return {
    ...db,
    url,
    async drop() {
      await db.close()
      await asAdmin(server, (admin) => admin.sql.unsafe(`drop database if exists ${name} with (force)`))
    },
  }
}

/** An empty database, for tests of the migrations themselves. */
export async function emptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = need('postgres')
  const name = `factory_test_${randomBytes(6).toString('hex')}`
  await asAdmin(server, (admin) => admin.sql.unsafe(`create database ${name}`))
  return { url: named(server, name), drop: () => asAdmin(server, (admin) => admin.sql.unsafe(`drop database if exists ${name} with (force)`)) }
}

async function makeTemplate(server: string): Promise<string> {
  const checksum = createHash('sha256').update(readMigrations().map((migration) => migration.checksum).join()).digest('hex').slice(0, 16)
  const name = `factory_template_${checksum}`
  await asAdmin(server, async (admin) => {
    // Test processes that start together make one template: the first under this lock. It is built under
    // another name, so that a template that exists is a whole one.
    await admin.sql`select pg_advisory_lock(7236102)`
    const found = await admin.sql`select 1 from pg_database where datname = ${name}`
    if (found.length > 0) return
    const raw = `${name}_raw`
    await admin.sql.unsafe(`drop database if exists ${raw} with (force)`)
    await admin.sql.unsafe(`create database ${raw}`)
    const db = connect(named(server, raw), { max: 1 })
    await migrate(db.sql).finally(() => db.close())
    await admin.sql.unsafe(`alter database ${raw} rename to ${name}`)
  })
  return name
}

/** One connection that is closed again, which also gives its advisory lock back. */
async function asAdmin(server: string, work: (admin: Db) => Promise<unknown>): Promise<void> {
  const admin = connect(server, { max: 1, statementTimeoutMs: 60_000 })
  try {
    await work(admin)
  } finally {
    await admin.close()
  }
}
