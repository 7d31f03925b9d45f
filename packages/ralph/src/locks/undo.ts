import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Git } from '../git/git.ts'
import { GITLINK, isNew, type Change } from './changes.ts'

/** Paths for one git call: far below what a command line can hold. */
const PATHS_A_CALL = 200

/**
 * Makes these paths of the working tree what they are in `parent`: content, mode and kind; one that was
 * not there goes. Nothing else is touched, but where a file and a folder want the same name the other one
 * has to make room: git sees to that, and writes through no link that stands where a folder was.
 */
export async function undo(git: Git, parent: string, changes: readonly Change[]): Promise<void> {
  for (const change of changes.filter(isNew)) await remove(git.dir, change.path)
  const back = changes.filter((change) => !isNew(change))
  for (let from = 0; from < back.length; from += PATHS_A_CALL) {
    const paths = back.slice(from, from + PATHS_A_CALL).map((change) => change.path)
    if (await restore(git, parent, paths)) continue
    // One that cannot be put back (an object that is gone) must not keep the others.
    for (const path of paths) await restore(git, parent, [path])
  }
  for (const change of back.filter(({ before, after }) => before === GITLINK && after === GITLINK)) await git.at(join(git.dir, change.path)).call(['checkout', '--quiet', '--force', '--detach', change.object])
}

async function restore(git: Git, parent: string, paths: readonly string[]): Promise<boolean> {
  const done = await git.call(['--literal-pathspecs', '-c', 'submodule.recurse=false', 'checkout', '--quiet', '--ignore-skip-worktree-bits', parent, '--', ...paths])
  return done.exitCode === 0
}

/** Takes a path away, and the folders that are empty then: git knows no empty folder. */
async function remove(root: string, path: string): Promise<void> {
  await rm(join(root, path), { recursive: true, force: true })
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if ((await rmdir(join(root, folder)).catch(() => 'full')) === 'full') return
  }
}
