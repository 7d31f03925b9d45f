import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The agent can put what it likes where our files are; a text that people write is far below this, in bytes. */
const MOST = 4 * 1024 * 1024

/**
 * The text of one of Ralph's own files (SPEC.md, what lies in .ai); null when there is none, or when what
 * lies there is no ordinary file: reading a pipe would wait for ever, a link leads out of the checkout.
 */
export async function readOwn(path: string, most = MOST): Promise<string | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null)
  if (handle === null) return null
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return null
    const buffer = Buffer.alloc(Math.min(stat.size, most))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return null
  } finally {
    await handle.close()
  }
}

export type WriteOptions = {
  /** Where the text is written first: a kill can leave it there. Else beside the file. */
  temporary?: string
  /** Whole also when the machine stops, not only when we do. */
  durable?: boolean
}

/**
 * Makes this the text of one of Ralph's own files, whole or not at all. What lies in its way (a link, a
 * pipe, a directory) is replaced, never written through. Where the temporary file is on another file
 * system the text is written in place.
 */
export async function writeOwn(path: string, text: string, options: WriteOptions = {}): Promise<void> {
  const temporary = options.temporary ?? `${path}.${process.pid}.tmp`
  await Promise.all([dirname(path), dirname(temporary)].map((dir) => mkdir(dir, { recursive: true })))
  await rm(temporary, { force: true, recursive: true })
  const old = await lstat(path).catch(() => null)
  const handle = await open(temporary, 'wx', old?.isFile() ? old.mode & 0o777 : 0o644)
  try {
    await handle.writeFile(text)
    if (options.durable) await handle.sync()
  } finally {
    await handle.close()
  }
  if (old?.isDirectory()) await rm(path, { force: true, recursive: true })
  try {
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error
    if (old !== null && !old.isFile()) await rm(path, { force: true, recursive: true })
    await writeFile(path, text)
  }
}

/** What lies at a path instead of a file (or directory), in words; null when it is one, or nothing is there. */
export async function oddity(path: string, wanted: 'file' | 'directory'): Promise<string | null> {
  const stat = await lstat(path).catch(() => null)
  if (stat === null || (wanted === 'file' ? stat.isFile() : stat.isDirectory())) return null
  if (stat.isSymbolicLink()) return 'a link'
  if (stat.isDirectory()) return 'a directory'
  return stat.isFile() ? 'a file' : 'neither a file nor a directory'
}

/**
 * Takes a directory of ours away with all that others put there. Programs leave directories without write
 * permission (Go's module cache does); what even then cannot be removed stays, and is no reason to end a run.
 */
export async function removeTree(dir: string): Promise<void> {
  const gone = await rm(dir, { recursive: true, force: true }).then(() => true, () => false)
  if (gone) return
  await unlock(dir)
  await rm(dir, { recursive: true, force: true }).catch(() => undefined)
}

async function unlock(dir: string): Promise<void> {
  await chmod(dir, 0o700).catch(() => undefined)
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await unlock(join(dir, entry.name))
}
