import { closeSync, constants, fstatSync, fsync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** An append-only file. Every call but `close` throws when the disk does not take it. */
export type Log = {
  /** Writes a whole line, newline included, at once; it survives the death of this process. */
  append(line: string): void
  /** Returns when everything appended so far is on the disk. */
  sync(): void
  /** The same, in the background: one sync at a time, and one more for what came meanwhile. */
  syncSoon(): void
  tail(bytes: number): string
  /** In bytes. */
  size(): number
  /** Waits for the sync under way, syncs what is left and closes. Never rejects. */
  close(): Promise<void>
}

/**
 * Opens a log for appending and ends the half line that a killed process can have left. A link is
 * not followed: a repository could bring one that leads out of the checkout.
 * @throws the system's error
 */
export function openLog(file: string, onSyncError: (error: Error) => void): Log {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
  const log = onDescriptor(fd, onSyncError)
  try {
    const stat = fstatSync(fd)
    // A pipe that nobody reads would hold us for ever.
    if (!stat.isFile() && !stat.isCharacterDevice()) throw new Error(`${file} is not a file`)
    const last = log.tail(1)
    if (last !== '' && last !== '\n') log.append('\n')
    if (last === '') syncDirectory(dirname(file))
    return log
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function onDescriptor(fd: number, onSyncError: (error: Error) => void): Log {
  let running: Promise<void> | null = null
  let again = false
  let unsynced = false
  const run = (): Promise<void> =>
    new Promise((resolve) => {
      fsync(fd, (error) => {
        if (error) onSyncError(error)
        const more = again && !error
        again = false
        running = more ? run() : null
        resolve(running ?? undefined)
      })
    })
  return {
    append(line) {
      unsynced = true
      let rest = Buffer.from(line)
      while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
    },
    sync() {
      fsyncSync(fd)
      unsynced = false
    },
    syncSoon() {
      if (running) again = true
      else running = run()
    },
    tail(bytes) {
      const { size } = fstatSync(fd)
      const buffer = Buffer.alloc(Math.min(bytes, size))
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, size - buffer.length))
    },
    size: () => fstatSync(fd).size,
    async close() {
      // The number of a closed descriptor is given out again: nothing may still be at work on it.
      await running
      try {
        if (unsynced) fsyncSync(fd)
      } catch (error) {
        onSyncError(error instanceof Error ? error : new Error(String(error)))
      }
      closeSync(fd)
    },
  }
}

/** A new file is on the disk only when its name is, too. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
