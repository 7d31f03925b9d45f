import type { Facts, Violation } from './facts.ts'

/** No limit was exceeded at any moment: the events are gone through one by one. */
export function checkLimits({ limits, items, runs, events, iterationsUsed }: Facts): Violation[] {
  const repoOf = new Map(items.map((item) => [item.id, item.repo]))
  const live = new Map<number, { itemId: number; repo: string }>()
  const found: Violation[] = []
  for (const { seq, type, item_id: itemId, run_id: runId } of events) {
    if (runId === null || itemId === null) continue
    if (type === 'run.finished') live.delete(runId)
    if (type !== 'run.admitted') continue
    const repo = repoOf.get(itemId) ?? ''
    const others = [...live.values()]
    live.set(runId, { itemId, repo })
    const about = `event ${seq}`
    if (live.size > limits.workers) found.push({ rule: 'limit_exceeded', about, detail: `${live.size} live runs, allowed are ${limits.workers}` })
    const ofRepo = others.filter((one) => one.repo === repo).length + 1
    if (ofRepo > limits.workersPerRepo) found.push({ rule: 'limit_exceeded', about, detail: `${ofRepo} live runs of ${repo}, allowed are ${limits.workersPerRepo}` })
    if (others.some((one) => one.itemId === itemId)) found.push({ rule: 'limit_exceeded', about, detail: `two live runs of item ${itemId}` })
  }
  if (iterationsUsed > limits.dailyIterations) found.push({ rule: 'limit_exceeded', about: 'the day', detail: `${iterationsUsed} iterations used, allowed are ${limits.dailyIterations}` })
  for (const run of runs) if (run.iterations > run.iterations_granted) found.push({ rule: 'limit_exceeded', about: `run ${run.id}`, detail: `${run.iterations} iterations used, granted were ${run.iterations_granted}` })
  return found
}
