import { Database, SQLiteError } from 'bun:sqlite'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Ownership = { release(): void }

/** Keeps every lock alive until it is released: one that is collected as garbage is given back without a word. */
const held = new Set<Database>()

/**
 * Makes this process the only owner of a directory until `release` or its death.
 *
 * The lock is SQLite's: a lock of the kernel on an open file. It ends with the process whatever way that
 * dies, so there is no stale lock to judge and no process id to misread (two containers on one volume
 * are both process 1). `owner.json` beside it is for people.
 * @throws Error naming the owner.
 */
export function ownDirectory(directory: string): Ownership {
  const file = join(directory, 'owner.lock')
  const lock = new Database(file, { create: true })
  try {
    lock.run('pragma busy_timeout = 0')
    lock.run('begin exclusive')
  } catch (error) {
    lock.close()
    if (!(error instanceof SQLiteError) || error.code !== 'SQLITE_BUSY') throw error
    throw new Error(`${directory} is in use by another factory (${readOwner(directory)}). Stop it, or give this one a directory of its own.`, { cause: error })
  }
  held.add(lock)
  writeFileSync(join(directory, 'owner.json'), `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`)
  return {
    release() {
      held.delete(lock)
      lock.run('rollback')
      lock.close()
    },
  }
}

function readOwner(directory: string): string {
  try {
    return readFileSync(join(directory, 'owner.json'), 'utf8').trim().slice(0, 200)
  } catch {
    return 'it did not say who it is'
  }
}
