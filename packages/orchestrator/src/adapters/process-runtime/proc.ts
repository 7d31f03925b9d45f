import { readdirSync, readFileSync } from 'node:fs'

/** One living process as /proc shows it. `startTicks` (since boot) makes a pid unique. */
export type Proc = { pid: number; parent: number; startTicks: string; environ: string }

/** Fields of /proc/<pid>/stat behind the command, which is in parentheses and may hold anything. */
export function parseStat(text: string): { pid: number; state: string; parent: number; startTicks: string } | null {
  const pid = Number.parseInt(text, 10)
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent] = fields
  const startTicks = fields[19]
  if (!Number.isSafeInteger(pid) || !state || !parent || !startTicks) return null
  return { pid, state, parent: Number(parent), startTicks }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Gone meanwhile, or somebody else's process.
    return null
  }
}

export function findProcess(pid: number): Proc | null {
  const stat = parseStat(read(`/proc/${pid}/stat`) ?? '')
  // A zombie runs nothing any more; its parent has just not looked yet.
  if (!stat || stat.state === 'Z' || stat.state === 'X') return null
  return { pid, parent: stat.parent, startTicks: stat.startTicks, environ: read(`/proc/${pid}/environ`) ?? '' }
}

export function allProcesses(): Proc[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => findProcess(Number(name)))
    .filter((one) => one !== null)
}

/** Start times count from the boot: the same pid and ticks after a reboot are another process. */
export const bootId = () => (read('/proc/sys/kernel/random/boot_id') ?? '').trim()
