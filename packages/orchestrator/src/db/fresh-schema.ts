import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from './connect.ts'
import { dumpSchema } from './dump-schema.ts'
import { startEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'

/** The dump of what the migrations make of an empty database; needs no server. */
export async function freshSchema(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'factory-schema-'))
  const embedded = await startEmbedded(directory)
  const db = connect(embedded.url, { max: embedded.max })
  try {
    await migrate(db.sql)
    return await dumpSchema(db.sql)
  } finally {
    await db.close()
    await embedded.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
