import { ConfigError, parseEnv } from '@factory/shared'
import { resolve } from 'node:path'
import { z } from 'zod'
import { connect } from './connect.ts'
import { startEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'

const Env = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a PostgreSQL URL' }).optional().describe('postgres://user:password@host:5432/database'),
  DATA_DIR: z.string().default('.factory').describe('a directory that the factory may write to'),
})

/** What `scripts/migrate.sh` runs: migrates DATABASE_URL, or the embedded store when there is none. */
async function main(): Promise<void> {
  const env = parseEnv(Env, process.env)
  const embedded = env.DATABASE_URL ? null : await startEmbedded(resolve(env.DATA_DIR, 'store'))
  const db = connect(env.DATABASE_URL ?? embedded?.url ?? '', { max: 1 })
  try {
    const applied = await migrate(db.sql)
    const store = embedded ? 'the embedded store' : 'the database'
    console.log(applied.length === 0 ? `${store} is up to date` : `${store}: applied ${applied.join(', ')}`)
  } finally {
    await db.close()
    await embedded?.close()
  }
}

try {
  await main()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  console.error(error instanceof ConfigError ? message : `migrate: ${message}`)
  process.exitCode = 1
}
