type Candidate = { pid: number; parent: number; environ: string }

/** What shows that a process is of a worker: its mark, or a home or temporary directory in the worker's own. */
export type Mark = { variable: string; value: string; directory: string }

/**
 * The processes of one worker: those that carry its mark (agents start children in sessions of their
 * own, and build environments from nothing, but keep a home), and whatever descends from them.
 */
export function selectOfWorker<P extends Candidate>(processes: readonly P[], mark: Mark, root: number | null): P[] {
  const wanted = [`${mark.variable}=${mark.value}`]
  const places = [`HOME=${mark.directory}/`, `TMPDIR=${mark.directory}/`]
  const chosen = new Set<number>(root === null ? [] : [root])
  for (const one of processes) {
    const variables = one.environ.split('\0')
    if (variables.some((variable) => wanted.includes(variable) || places.some((place) => variable.startsWith(place)))) chosen.add(one.pid)
  }
  // A child can have a smaller pid than its parent, so go round until nothing is added.
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size
    for (const one of processes) if (chosen.has(one.parent)) chosen.add(one.pid)
  }
  return processes.filter((one) => chosen.has(one.pid))
}
