import { readdir, readFile } from 'node:fs/promises'

/** Every process that Ralph starts carries this variable; orphans in sessions of their own are found by it. */
export const MARKER = 'RALPH_RUN_MARKER'

/** Signals a whole process group; one that is gone already is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    try {
      process.kill(pid, signal)
    } catch {
      // gone
    }
  }
}

/**
 * SIGKILLs every process whose environment carries the marker, and looks again until none is left
 * (a dying shell may have forked meanwhile). Returns how many it ended. Linux only; elsewhere 0.
 */
export async function sweep(marker: string): Promise<number> {
  let ended = 0
  for (let round = 0; round < 5; round += 1) {
    const found = await marked(marker)
    if (found.length === 0) return ended
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL')
        ended += 1
      } catch {
        // gone
      }
    }
  }
  return ended
}

/** Living processes that carry the marker, ourselves left out. */
async function marked(marker: string): Promise<number[]> {
  const needle = Buffer.from(`${MARKER}=${marker}\0`)
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      if (pid === process.pid) return []
      const env = await readFile(`/proc/${pid}/environ`).catch(() => null)
      return env !== null && env.includes(needle) ? [pid] : []
    }),
  )
  return found.flat()
}
