import { fail, ok, skipped, type Finding } from '../finding.ts'
import { reason, type Examined } from '../examined.ts'
import { exchange } from '../socket.ts'

/** PostgreSQL's SSLRequest (protocol 3.0, "Message Formats"): a server answers one byte, S or N, before any login. */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47)

export async function checkPostgres({ env }: Examined): Promise<Finding> {
  if (env.DATABASE_URL === undefined) return skipped('postgres', 'DATABASE_URL is not set: the embedded database is used')
  const url = new URL(env.DATABASE_URL)
  const where = `${url.hostname}:${url.port || '5432'}`
  try {
    const answer = await exchange({ host: url.hostname, port: Number(url.port || 5432), tls: false }, SSL_REQUEST, (said) => said.length > 0)
    if (!/^[SN]/.test(answer)) return fail('postgres', `something else than PostgreSQL answers at ${where}`, 'Correct DATABASE_URL')
    return ok('postgres', `a server answers at ${where} (login and pgvector: see "orchestrator ready")`)
  } catch (error) {
    return fail('postgres', `nothing answers at ${where}: ${reason(error)}`, 'Start PostgreSQL, correct DATABASE_URL, or leave it out for the embedded database')
  }
}
