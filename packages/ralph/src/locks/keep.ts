import type { Emit } from '../events/writer.ts'
import { snapshot, type Git } from '../git/git.ts'
import type { Ask } from './ask.ts'
import { askAll, type Refused, type Sleep } from './ask-all.ts'
import { changesBetween, isNamed } from './changes.ts'
import { undo } from './undo.ts'

export type Kept = {
  /** Changes of somebody else's files: the working tree has these paths as `parent` has them again. */
  undone: Refused[]
  /** Nobody could be asked about these, or the change could not be undone. They are left as the agent left them. */
  unknown: Refused[]
}

/**
 * Holds what lies in the working tree against the locks: asks for every path that differs from `parent`
 * (which takes the lock when it is free) and undoes the changes of what is somebody else's. For each of
 * those a `lock.violation`. A path changes by Bash without any question, so this is what counts; the
 * hook only spares the work. What is as it was at `base` again is no change of this run, so nobody is
 * asked: an earlier mistake can be taken back.
 * @throws GitError
 */
export async function keepWithinLocks(given: { git: Git; base: string; parent: string; ask: Ask; emit: Emit; sleep: Sleep; signal: AbortSignal }): Promise<Kept> {
  const { git, base, parent, emit } = given
  const { tree } = await snapshot(git, parent)
  const ours = new Set((await changesBetween(git, base, tree)).map(({ path }) => path))
  const changes = (await changesBetween(git, parent, tree)).filter(({ path }) => ours.has(path))
  const named = changes.filter(({ path }) => isNamed(path))
  const strange = changes.filter(({ path }) => !isNamed(path)).map(({ path }) => ({ path, reason: 'its name is not UTF-8, so nobody can be asked about it' }))
  const { held, unknown } = await askAll(named.map(({ path }) => path), given)
  if (held.length === 0) return { undone: [], unknown: [...unknown, ...strange] }

  for (const { path, reason } of held) emit({ event: 'lock.violation', path, reason })
  const theirs = new Set(held.map(({ path }) => path))
  await undo(git, parent, named.filter(({ path }) => theirs.has(path)))
  const still = new Set((await changesBetween(git, parent, (await snapshot(git, parent)).tree)).map(({ path }) => path))
  const stubborn = held.filter(({ path }) => still.has(path)).map(({ path, reason }) => ({ path, reason: `it is somebody else's (${reason}), and its change could not be undone` }))
  return { undone: held.filter(({ path }) => !still.has(path)), unknown: [...unknown, ...strange, ...stubborn] }
}
