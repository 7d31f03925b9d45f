import { connect } from './connect.ts'
import { startEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'

/** An owner for the test to kill: writes repositories for ever and says each one that was committed. */
const embedded = await startEmbedded(process.argv[2] ?? '')
const db = connect(embedded.url, { max: embedded.max })
await migrate(db.sql)
for (let n = 1; ; n++) {
  await db.sql`insert into repositories (name) values (${`owner/${n}`})`
  process.stdout.write(`${n}\n`)
}
