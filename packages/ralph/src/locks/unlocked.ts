import type { IntegrityFinding } from '@factory/shared/ralph'
import type { Git } from '../git/git.ts'
import type { Ask } from './ask.ts'
import { askAll, type Asked, type Refused, type Sleep } from './ask-all.ts'
import { changesBetween, isNamed } from './changes.ts'
import { isOwn, type Ground } from './path.ts'

/**
 * What of a finished work is somebody else's: every path that differs between base and head and whose lock
 * is not ours is asked for once more.
 * @throws GitError
 */
export async function unlockedChanges(given: { git: Git; base: string; head: string; ground: Ground; ask: Ask; sleep: Sleep; signal: AbortSignal }): Promise<Asked> {
  const changes = await changesBetween(given.git, given.base, given.head)
  const paths = changes.map(({ path }) => path).filter((path) => isNamed(path) && !isOwn(given.ground, path))
  return askAll(paths, given)
}

/** Each as a finding that keeps the work from counting as done. */
export function lockFindings(held: readonly Refused[], base: string): IntegrityFinding[] {
  return held.map(({ path, reason }) => ({ rule: 'lock_violated', path, message: `${path} is somebody else's: ${reason}; put it back as it is in ${base.slice(0, 12)}`, blocking: true, asked: false }))
}
