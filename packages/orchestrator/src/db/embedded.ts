import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownDirectory } from './own-directory.ts'

export type Embedded = {
  url: string
  /** Connections that a pool may open: PGlite is one backend, and sessions of one backend share their state. */
  max: 1
  close(): Promise<void>
}

/**
 * PostgreSQL inside this process (PGlite with pgvector), for people who have no server. The data lives
 * in `dataDir`, which one process owns at a time; it survives kill -9.
 *
 * It listens on a Unix socket in a private directory, so that the same driver and the same SQL serve
 * both stores and nobody else on the machine can connect.
 *
 * One connection means: while a transaction is open, every query must go through *its* handle. A query
 * on the pool inside `begin` would wait for itself.
 * @throws Error when another process owns the directory.
 */
export async function startEmbedded(dataDir: string): Promise<Embedded> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const owner = ownDirectory(dataDir)
  const socketDir = mkdtempSync(join(tmpdir(), 'factory-pg-'))
  try {
    const db = await PGlite.create({ dataDir: join(dataDir, 'pgdata'), extensions: { vector } })
    const server = new PGLiteSocketServer({ db, path: join(socketDir, '.s.PGSQL.5432'), maxConnections: 4 })
    await server.start()
    return {
      url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(socketDir)}`,
      max: 1,
      async close() {
        await server.stop()
        await db.close()
        rmSync(socketDir, { recursive: true, force: true })
        owner.release()
      },
    }
  } catch (error) {
    rmSync(socketDir, { recursive: true, force: true })
    owner.release()
    throw error
  }
}
