import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

type Proc = { pid: number; parent: number; environ: string }

const PATIENCE_MS = 5000
/** A killed process needs a moment to go, and a dying shell may have forked meanwhile. */
const ROUND_MS = 5
/** So many looks in a row must find nothing: in the middle of an exec a process shows no environment. */
const LOOKS = 2

/**
 * The processes that have this directory as their place for temporary files, or descend from one that has
 * or from `root`. Agents start children in sessions of their own, whose group is not ours to signal.
 */
export function selectOfRun(processes: readonly Proc[], mark: { tmp: string; root: number | null; self: number }): number[] {
  const chosen = new Set<number>(mark.root === null ? [] : [mark.root])
  for (const { pid, environ } of processes) {
    if (environ.split('\0').some((variable) => variable === `TMPDIR=${mark.tmp}` || variable.startsWith(`TMPDIR=${mark.tmp}/`))) chosen.add(pid)
  }
  // A child can have a smaller number than its parent, so go round until nothing is added.
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size
    for (const one of processes) if (chosen.has(one.parent)) chosen.add(one.pid)
  }
  return processes.filter(({ pid }) => chosen.has(pid) && pid !== mark.self).map(({ pid }) => pid)
}

/** SIGKILLs all of a run's processes until none is left. Linux only: elsewhere the process groups have to do. */
export async function sweepRun(mark: { tmp: string; root: number | null }): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (let empty = 0; empty < LOOKS && performance.now() < until; ) {
    const found = selectOfRun(await living(), { ...mark, self: process.pid })
    empty = found.length === 0 ? empty + 1 : 0
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // gone
      }
    }
    await wait(ROUND_MS)
  }
}

async function living(): Promise<Proc[]> {
  const names = await readdir('/proc').catch(() => [])
  const all = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => look(Number(name))))
  return all.filter((one) => one !== null)
}

/** null: gone, or dead and only not waited for yet. */
async function look(pid: number): Promise<Proc | null> {
  const [stat, environ] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''), readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')])
  // "pid (name) state parent …"; a name may hold anything, so read behind its last bracket.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === undefined || parent === undefined || parent === '' || state === 'Z' || state === 'X' ? null : { pid, parent: Number(parent), environ }
}
