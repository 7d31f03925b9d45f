import { stat } from 'node:fs/promises'

/** A run that lives says something at least this often: its heartbeat. */
const QUIET_MS = 15_000

/**
 * Whether a file was written after the run that was killed here last said something. Then it was a person,
 * who wants something else; before, it was the run's own agent.
 */
export async function editedSince(file: string, events: string): Promise<boolean> {
  const [edited, last] = await Promise.all([stat(file).catch(() => null), stat(events).catch(() => null)])
  return edited !== null && last !== null && edited.mtimeMs > last.mtimeMs + QUIET_MS
}
