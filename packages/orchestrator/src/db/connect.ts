import postgres from 'postgres'

type Types = { bigint: number; numeric: number }
/** A pool. Ids and fencing tokens stay below 2^53, so int8 and numeric arrive as numbers, times as Date. */
export type Sql = postgres.Sql<Types>
/** One open transaction. */
export type Tx = postgres.TransactionSql<Types>
/** Either: for statements that are right inside and outside a transaction. */
export type Query = postgres.ISql<Types>

export type Db = {
  sql: Sql
  /** Waits up to two seconds for what is running, then cuts it off. */
  close(): Promise<void>
}

export type ConnectOptions = {
  /** Connections at most. The embedded store has one backend: give it 1. */
  max?: number
  /** The server ends a statement after this; 0 is never. Milliseconds. */
  statementTimeoutMs?: number
  connectTimeoutSeconds?: number
  applicationName?: string
}

/**
 * A pool on a PostgreSQL URL. Connects on first use. While the server is away each query waits for the
 * connect timeout at most and then fails; the pool comes back within half a second of the server.
 */
export function connect(url: string, options: ConnectOptions = {}): Db {
  const target = readTarget(url)
  const sql = postgres(target.url, {
    ...(target.host ? { host: target.host } : {}),
    max: options.max ?? 10,
    connect_timeout: options.connectTimeoutSeconds ?? 5,
    // the driver's own grows to 20 s, which it then needs to see a server that is back
    backoff: (attempt: number) => Math.min(0.5, 0.05 * 2 ** attempt),
    idle_timeout: 0,
    // a host that vanished is noticed within a minute, not in the system's two hours
    keep_alive: 15,
    onnotice: () => {},
    connection: {
      application_name: options.applicationName ?? 'factory',
      statement_timeout: options.statementTimeoutMs ?? 15_000,
      idle_in_transaction_session_timeout: 60_000,
      TimeZone: 'UTC',
    },
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
    },
  })
  return { sql, close: () => sql.end({ timeout: 2 }) }
}

/** Takes libpq's `?host=/directory` (a Unix socket) out of the URL; the driver would send it to the server. */
function readTarget(text: string): { url: string; host: string | null } {
  const url = new URL(text)
  const host = url.searchParams.get('host')
  url.searchParams.delete('host')
  return { url: url.toString(), host }
}

/**
 * Data as a jsonb parameter. Always this and never `JSON.stringify` with `::jsonb`, which stores a
 * JSON *string*.
 */
export function json(sql: Query, data: unknown): postgres.Parameter {
  return sql.json(data as postgres.JSONValue)
}
