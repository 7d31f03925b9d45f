import postgres from 'postgres'
import { createSockets } from './sockets.ts'

type Types = { bigint: number; numeric: number }
/** A pool. Ids and fencing tokens stay below 2^53, so int8 and numeric arrive as numbers, times as Date. */
export type Sql = postgres.Sql<Types>
/** One open transaction. */
export type Tx = postgres.TransactionSql<Types>
/** One connection of the pool, held until it is released. */
export type Connection = postgres.ReservedSql<Types>
/** Either: for statements that are right inside and outside a transaction. */
export type Query = postgres.ISql<Types>

export type Db = {
  sql: Sql
  /** Waits up to two seconds for what is running, then cuts it off. */
  close(): Promise<void>
}

/** A pool whose connections can be cut when the server hangs. */
export type ServerDb = Db & {
  /** What is under way fails now with a code that `isStoreAway` knows; what comes next connects anew. */
  cut(why: string): void
}

export type ConnectOptions = {
  /** Connections at most. The embedded store has one backend: give it 1. */
  max?: number
  /** The server ends a statement after this; 0 is never. Milliseconds. */
  statementTimeoutMs?: number
  connectTimeoutSeconds?: number
  /** A connection on which nothing moved for so long is ended; 0 is never. Must be longer than any statement may take. */
  silentMs?: number
  applicationName?: string
}

/** The server ends a statement after this: nothing of ours takes a second on a million items. */
const STATEMENT_MS = 15_000

/**
 * A pool on a PostgreSQL URL. Connects on first use. While the server is away each query waits for the
 * connect timeout at most and then fails; the pool comes back within half a second of the server. What was
 * under way on a connection that is lost fails; a transaction never goes on on another one
 * (patches/postgres: the released driver lets it).
 */
export function connect(url: string, options: ConnectOptions = {}): ServerDb {
  const target = readTarget(url)
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_MS
  const encrypted = /[?&]sslmode=(?!disable)/.test(url)
  // Under encryption the socket's own timer sees nothing of what moves; there `cut` alone bounds a call.
  const sockets = createSockets(encrypted ? 0 : (options.silentMs ?? silentMs(statementTimeoutMs)))
  // an option of the driver that its types do not tell of
  const carried = { socket: sockets.open }
  const sql = postgres(target.url, {
    ...(target.host ? { host: target.host } : {}),
    ...carried,
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
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: 60_000,
      TimeZone: 'UTC',
    },
    types: {
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
    },
  })
  return { sql, close: () => sql.end({ timeout: 2 }), cut: sockets.cut }
}

/** How long a connection may be silent whose statements the server ends after so long; 0 is never, of both. Milliseconds. */
export function silentMs(statementTimeoutMs: number): number {
  return statementTimeoutMs === 0 ? 0 : statementTimeoutMs + 5000
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
