import type { Git } from '../git/git.ts'

/** Paths that are named; more of them are one finding too. */
const MAX_PATHS = 100

/**
 * Changes in the working tree that no commit holds: also staged and untracked ones, not ignored ones, and
 * not what lies about inside of a submodule, which no commit of this repository could hold. Ralph's own
 * files, which it is told to hide, are none.
 */
export async function dirtyPaths(git: Git): Promise<string[]> {
  const fields = (await git.must(['status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=dirty'])).split('\0')
  const hidden = (git.options.hidden ?? []).map((path) => Buffer.from(path, 'latin1').toString('utf8'))
  const isOurs = (path: string): boolean => hidden.some((one) => path === one || path.startsWith(`${one}/`))
  return fields.map((field) => field.slice(3)).filter((path) => path !== '' && !isOurs(path)).slice(0, MAX_PATHS)
}
