/** What was refused to whom, for the worker to say when its setup failed. */
export type Refusals = { note(runId: number, target: string): void; of(runId: number): string[] }

/** A run that tries every host of the world must not fill our memory; people need to read the first few. */
const MAX_TARGETS = 20
const MAX_RUNS = 200

/** In memory: a restarted gateway has forgotten, which costs a hint and nothing else. */
export function createRefusals(): Refusals {
  const byRun = new Map<number, Set<string>>()
  return {
    note(runId, target) {
      const targets = byRun.get(runId) ?? new Set()
      // Put in anew, so that the run heard of longest ago stands first.
      byRun.delete(runId)
      byRun.set(runId, targets)
      if (targets.size < MAX_TARGETS) targets.add(target)
      for (const oldest of byRun.keys()) {
        if (byRun.size <= MAX_RUNS) break
        byRun.delete(oldest)
      }
    },
    of: (runId) => [...(byRun.get(runId) ?? [])],
  }
}
