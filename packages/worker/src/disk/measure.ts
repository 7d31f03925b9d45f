import { lstat, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** Less than this is nothing: git alone needs more for a commit. */
const NOTHING_LEFT_BYTES = 1024 * 1024
/** Entries that one measurement looks at: some seconds' work. */
const MOST_ENTRIES = 500_000

/** Free bytes for us where this path lies; null: nobody can say. A disk without free inodes has none. */
export async function freeBytes(path: string): Promise<number | null> {
  try {
    const { bavail, bsize, files, ffree } = await statfs(path)
    return files > 0 && ffree === 0 ? 0 : bavail * bsize
  } catch {
    return null
  }
}

/** Is there so little left that a commit would fail? */
export async function isOutOfSpace(path: string): Promise<boolean> {
  const free = await freeBytes(path)
  return free !== null && free < NOTHING_LEFT_BYTES
}

/**
 * Bytes on disk of the files below these directories that were written since then (wall clock,
 * milliseconds); by the time of the inode's change, which no program can set.
 */
export async function writtenSince(dirs: readonly string[], since: number): Promise<number> {
  const open = [...dirs]
  let seen = 0
  let bytes = 0
  for (let dir = open.pop(); dir !== undefined && seen < MOST_ENTRIES; dir = open.pop()) {
    const at = dir
    const entries = await readdir(at, { withFileTypes: true }).catch(() => [])
    seen += entries.length
    for (const entry of entries) if (entry.isDirectory()) open.push(join(at, entry.name))
    const files = await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => lstat(join(at, entry.name)).catch(() => null)))
    for (const file of files) if (file && file.ctimeMs >= since) bytes += file.blocks * 512
  }
  return bytes
}
