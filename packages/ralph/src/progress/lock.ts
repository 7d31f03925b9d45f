import { createHash, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { readOwn } from '../files.ts'
import { isAlive } from '../process/group.ts'

const Holder = z.object({ pid: z.number().int(), started: z.string(), run: z.string(), token: z.string().default('') })
export type Holder = z.infer<typeof Holder>

export type Lock = {
  release: () => Promise<void>
  /** It was that of a Ralph that died holding it. */
  tookOver: boolean
}

const ROUNDS = 50

/** Who runs here, or null. A process is known by its id and the time it started, since ids are used again. */
export async function readHolder(file: string): Promise<Holder | null> {
  const found = await read(file)
  return found?.holder && (await lives(found.holder)) ? found.holder : null
}

/**
 * One Ralph in one directory. Returns what lets go, or who holds it. The lock of a process that is
 * gone is taken over.
 *
 * Files appear whole or not at all, by link(2). Whoever wants the lock of a dead holder must first be
 * the only one to make a file named for that holder's token (its heir), then see that the lock is still
 * that holder's, and puts its own file over it. Nobody removes a lock on the strength of what it read
 * before: another could have taken over meanwhile. An heir that dies has an heir of its own.
 * @throws where the file system has no hard links or cannot be written
 */
export async function takeLock(file: string, run: string): Promise<Lock | { heldBy: Holder }> {
  await mkdir(dirname(file), { recursive: true })
  const token = randomUUID()
  const mine = `${file}.${process.pid}.${token}.tmp`
  await writeFile(mine, JSON.stringify({ pid: process.pid, started: await startOf(process.pid), run, token } satisfies Holder))
  const release = async (): Promise<void> => {
    if ((await read(file))?.token === token) await rm(file, { force: true })
  }
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const got = await attempt(file, mine)
      if (got === 'taken' || got === 'took_over') return { release, tookOver: got === 'took_over' }
      if (got !== 'changed') return { heldBy: got }
    }
    return { heldBy: { pid: 0, started: '', run: 'unknown', token: '' } }
  } finally {
    await rm(mine, { force: true })
  }
}

/** `changed`: what was read held no longer when it was acted upon; look again. */
async function attempt(file: string, mine: string): Promise<'taken' | 'took_over' | 'changed' | Holder> {
  if (await put(mine, file)) return 'taken'
  const dead: { name: string; token: string }[] = []
  let name = file
  for (;;) {
    const found = await read(name)
    if (found === null) return 'changed'
    if (found.holder && (await lives(found.holder))) return found.holder
    dead.push({ name, token: found.token })
    name = `${file}.${found.token}.heir`
    if (!(await put(mine, name))) continue
    const still = await Promise.all(dead.map(async (one) => (await read(one.name))?.token === one.token))
    const stands = still.every(Boolean)
    if (stands) await rename(mine, file)
    await rm(name, { force: true })
    if (!stands) return 'changed'
    for (const heir of dead.slice(1)) await rm(heir.name, { force: true })
    return 'took_over'
  }
}

/** Gives the file this name, too, unless there is one. */
async function put(from: string, name: string): Promise<boolean> {
  try {
    await link(from, name)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    // Taken; or ours was cleaned away by the holder, who is there to be read.
    if (code === 'EEXIST' || code === 'ENOENT') return false
    throw error
  }
}

/** What a lock file says; one that makes no sense is nobody's, and its own text is its token. */
async function read(name: string): Promise<{ holder: Holder | null; token: string } | null> {
  const text = await readOwn(name)
  if (text === null) return null
  const token = createHash('sha256').update(text).digest('hex')
  try {
    const holder = Holder.safeParse(JSON.parse(text))
    return holder.success ? { holder: holder.data, token: /^[\w-]+$/.test(holder.data.token) ? holder.data.token : token } : { holder: null, token }
  } catch {
    return { holder: null, token }
  }
}

const lives = async (holder: Holder): Promise<boolean> => (await startOf(holder.pid)) === holder.started

/**
 * When a process started, in this boot of the machine: field 22 of /proc/PID/stat; the second, the
 * program's name, can hold blanks and parentheses. One that is dead and not yet waited for is gone.
 */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null) return isAlive(pid) ? 'unknown' : 'gone'
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return 'gone'
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return `${boot.trim()} ${fields[19] ?? 'unknown'}`.trim()
}
