import type { BeforeEdit } from '../agents/agent.ts'
import type { Emit } from '../events/writer.ts'
import type { Place } from '../place.ts'
import { createAsk } from './ask.ts'
import type { Asked, Sleep } from './ask-all.ts'
import { createBeforeEdit } from './before-edit.ts'
import { keepWithinLocks, type Kept } from './keep.ts'
import { unlockedChanges } from './unlocked.ts'

/** The locks of one run: before an edit, after an iteration, at the end. */
export type Locks = {
  /** For {@link AgentTask}. */
  beforeEdit: BeforeEdit
  /** Between the end of an execution and the commit of its work. `parent`: the commit that it will stand on; `base`: that of the run. */
  keep(parent: string, base: string): Promise<Kept>
  /** At completion. */
  unlocked(base: string, head: string): Promise<Asked>
  /** What is ours so far. */
  granted: ReadonlySet<string>
}

export type LocksOptions = {
  /** `--before-edit` */
  command: string
  place: Pick<Place, 'git' | 'root' | 'spec' | 'ai'>
  /** Ralph's own environment, whole. */
  env: Record<string, string | undefined>
  emit: Emit
  sleep: Sleep
  signal: AbortSignal
  /** Known to be ours: nothing for a run that is taken up again, whose locks may have gone to others since. */
  granted?: Iterable<string>
  /** Milliseconds for one question; ten seconds. */
  limitMs?: number
}

export function openLocks({ command, place, env, emit, sleep, signal, granted = [], limitMs }: LocksOptions): Locks {
  const ours = new Set(granted)
  const known = Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  const ask = createAsk({ command, root: place.root, env: known, granted: ours, signal, ...(limitMs === undefined ? {} : { limitMs }) })
  const ground = { root: place.root, own: [place.spec, place.ai] }
  return {
    beforeEdit: createBeforeEdit({ ground, ask, emit }),
    keep: (parent, base) => keepWithinLocks({ git: place.git, parent, base, ask, emit, sleep, signal }),
    unlocked: (base, head) => unlockedChanges({ git: place.git, base, head, ground, ask, sleep, signal }),
    granted: ours,
  }
}
