import type { WorkerDirectory } from './directory.ts'
import { allProcesses, findProcess, type Proc } from './proc.ts'
import { selectOfWorker, type Mark } from './select.ts'

const POLL_MS = 25
/** SIGKILL takes effect at once, except in a process that waits for a device. */
const KILL_MS = 15_000

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Only the very process that was seen: its pid may have gone to somebody else meanwhile. */
function signal(target: Proc, name: NodeJS.Signals): void {
  if (findProcess(target.pid)?.startTicks !== target.startTicks) return
  try {
    process.kill(target.pid, name)
  } catch {
    // It ended between the look and the signal.
  }
}

/** SIGTERM to the worker, time to end by itself, then SIGKILL to everything of it until nothing is left. */
export async function stopTree(directory: WorkerDirectory, mark: Mark, graceSeconds: number): Promise<void> {
  const members = () => selectOfWorker(allProcesses(), mark, directory.leader()?.pid ?? null)
  const leader = directory.leader()
  if (leader && graceSeconds > 0) {
    // The wrapper waits for the worker and writes its exit code down, so the signal goes past it.
    for (const one of allProcesses()) if (one.parent === leader.pid) signal(one, 'SIGTERM')
    const until = Date.now() + graceSeconds * 1000
    while (directory.leader() && Date.now() < until) await pause(POLL_MS)
  }
  const deadline = Date.now() + KILL_MS
  // Again and again: a process may fork between the look and the kill.
  for (let left = members(); left.length > 0; left = members()) {
    if (Date.now() > deadline) throw new Error(`processes ${left.map((one) => one.pid).join(', ')} survive SIGKILL`)
    for (const one of left) signal(one, 'SIGKILL')
    await pause(POLL_MS)
  }
  // 137: as an engine reports a killed container.
  if (directory.card() && directory.exitCode() === null) directory.writeExit(137)
}
