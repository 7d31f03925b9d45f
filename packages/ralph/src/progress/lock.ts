import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

const Holder = z.object({ pid: z.number().int(), started: z.string(), run: z.string() })
export type Holder = z.infer<typeof Holder>

/** Who runs here: a process is known by its id and the time it started, since ids are used again. */
export async function readHolder(file: string): Promise<Holder | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const holder = Holder.safeParse(JSON.parse(text))
    return holder.success && (await startOf(holder.data.pid)) === holder.data.started ? holder.data : null
  } catch {
    return null
  }
}

/**
 * One Ralph in one directory. Returns what lets go, or who holds it. The lock of a process that is
 * gone is taken over.
 */
export async function takeLock(file: string, run: string): Promise<{ release: () => Promise<void> } | { heldBy: Holder }> {
  await mkdir(dirname(file), { recursive: true })
  const mine = `${file}.${process.pid}`
  await writeFile(mine, JSON.stringify({ pid: process.pid, started: await startOf(process.pid), run } satisfies Holder))
  try {
    for (let round = 0; round < 3; round += 1) {
      // A link is made whole or not at all; a file opened exclusively could be read half written.
      if (await link(mine, file).then(() => true, () => false)) return { release: () => rm(file, { force: true }) }
      const holder = await readHolder(file)
      if (holder) return { heldBy: holder }
      await rm(file, { force: true })
    }
    return { heldBy: { pid: 0, started: '', run: 'unknown' } }
  } finally {
    await rm(mine, { force: true })
  }
}

/** Field 22 of /proc/PID/stat; the second, the program's name, can hold blanks and parentheses. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null) return alive(pid) ? 'unknown' : 'gone'
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
