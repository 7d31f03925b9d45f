import type { Git } from '../git.ts'

/** Paths that are named; more of them are one finding too. */
const MAX_PATHS = 100

/**
 * Changes in the working tree that no commit holds: also staged and untracked ones, not ignored ones, and
 * not what lies about inside of a submodule, which no commit of this repository could hold.
 */
export async function dirtyPaths(git: Git): Promise<string[]> {
  const fields = (await git.must(['status', '--porcelain=v1', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=dirty'])).split('\0')
  return fields.filter((field) => field.length > 3).slice(0, MAX_PATHS).map((field) => field.slice(3))
}
