import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { carries } from './marker.ts'

export type Swept = {
  /** How many processes were ended. */
  ended: number
  /** Those that live on although they were told; a process in the kernel's hands can. */
  left: number[]
}

const PATIENCE_MS = 5_000
/** A killed process needs a moment to go, and a dying shell may have forked meanwhile. */
const ROUND_MS = 2
/** So many looks in a row must find nothing. */
const LOOKS = 2

/**
 * SIGKILLs every process of this user whose environment carries a marker that begins so, and their
 * descendants, which may have thrown their environment away; looks again until none is left. Ourselves
 * left out. Linux only: without /proc nothing is found, and the process groups have to do.
 */
export async function sweep(prefix: string, patienceMs = PATIENCE_MS): Promise<Swept> {
  const ended = new Set<number>()
  const until = performance.now() + patienceMs
  let empty = 0
  for (;;) {
    const found = await marked(prefix)
    if (found.length === 0) {
      empty += 1
      // In the middle of an exec a process shows no environment for a moment: one look that finds nothing proves nothing.
      if (empty === LOOKS) return { ended: ended.size, left: [] }
      await pause(ROUND_MS)
      continue
    }
    empty = 0
    if (performance.now() > until) return { ended: ended.size, left: found }
    for (const pid of await withDescendants(found)) {
      try {
        process.kill(pid, 'SIGKILL')
        ended.add(pid)
      } catch {
        // gone
      }
    }
    await pause(ROUND_MS)
  }
}

/** Living processes of ours that carry the marker. A dead one that nobody has waited for shows no environment. */
async function marked(prefix: string): Promise<number[]> {
  const found = await Promise.all(
    (await processes()).map(async (pid) => {
      const environ = await readFile(`/proc/${pid}/environ`).catch(() => null)
      return environ !== null && carries(environ, prefix) && (await statusOf(pid))?.uid === process.getuid?.() ? [pid] : []
    }),
  )
  return found.flat()
}

async function withDescendants(pids: readonly number[]): Promise<Set<number>> {
  const all = await Promise.all((await processes()).map(async (pid) => ({ pid, ...(await statusOf(pid)) })))
  const mine = all.filter((one) => one.uid === process.getuid?.())
  const family = new Set(pids)
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const { pid, parent } of mine) if (parent !== undefined && family.has(parent)) family.add(pid)
  }
  return family
}

async function processes(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  return names.filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid)
}

/** The real user and the parent of a process. */
async function statusOf(pid: number): Promise<{ uid: number; parent: number } | null> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [uid, parent] = [/^Uid:\s+(\d+)/m.exec(text)?.[1], /^PPid:\s+(\d+)/m.exec(text)?.[1]]
  return uid === undefined || parent === undefined ? null : { uid: Number(uid), parent: Number(parent) }
}
