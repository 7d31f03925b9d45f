import { openGit } from '../git/git.ts'
import { findGitDirs, removeLeftovers } from './leftovers.ts'
import { MARKER, newMarker, prefixOf } from './marker.ts'
import { sweep } from './sweep.ts'

/**
 * Makes a directory ours after a Ralph that may have been killed in it: ends what it started (an agent
 * that lived on would go on editing) and takes away what it left. Only for the holder of the
 * directory's lock, and before anything else is done there. Returns how many processes were ended.
 * @throws when one of them cannot be ended
 */
export async function inherit(given: { dir: string; key: string; files: string; path: string; died: boolean }): Promise<number> {
  const { dir, key, files, path, died } = given
  const { ended, left } = await sweep(prefixOf(key))
  if (left.length > 0) throw new Error(`processes of a run that was killed here cannot be ended: ${left.join(', ')}`)
  await removeLeftovers({ key, files, git: await findGitDirs(openGit(dir, path, { env: { [MARKER]: newMarker(key) } })), died: died || ended > 0 })
  return ended
}
