import { RALPH_EXIT } from '@factory/shared/ralph'
import { rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Git } from './git.ts'
import { Ended } from '../outcome.ts'

/** What git leaves in its directory while something is going on, and how git forgets it with HEAD and files as they are. */
const SIGNS: readonly { file: string; what: string; quit: readonly (readonly string[])[] }[] = [
  { file: 'rebase-merge', what: 'rebase', quit: [['rebase', '--quit']] },
  { file: 'rebase-apply', what: 'rebase or a "git am"', quit: [['rebase', '--quit'], ['am', '--quit']] },
  { file: 'MERGE_HEAD', what: 'merge', quit: [['merge', '--quit']] },
  { file: 'CHERRY_PICK_HEAD', what: 'cherry-pick', quit: [['cherry-pick', '--quit']] },
  { file: 'REVERT_HEAD', what: 'revert', quit: [['revert', '--quit']] },
  { file: 'sequencer', what: 'cherry-pick or a revert', quit: [['cherry-pick', '--quit'], ['revert', '--quit']] },
  { file: 'BISECT_LOG', what: 'bisect', quit: [] },
]

const BISECT = ['BISECT_LOG', 'BISECT_START', 'BISECT_NAMES', 'BISECT_TERMS', 'BISECT_EXPECTED_REV', 'BISECT_ANCESTORS_OK', 'BISECT_RUN', 'BISECT_FIRST_PARENT']

async function signs(git: Git): Promise<(typeof SIGNS)[number][]> {
  const dir = git.options.gitDir ?? resolve(git.dir, (await git.must(['rev-parse', '--git-dir'])).trim())
  const there = await Promise.all(SIGNS.map(async (sign) => ((await stat(resolve(dir, sign.file)).catch(() => null)) === null ? [] : [sign])))
  return there.flat()
}

/**
 * A person's merge or rebase is not ours to finish, and a commit in the middle of it would end it wrongly.
 * @throws Ended
 */
export async function refuseUnfinished(git: Git): Promise<void> {
  const [found] = await signs(git)
  if (found) throw new Ended(RALPH_EXIT.baseUnverifiable, `a ${found.what} is going on in ${git.dir}: finish it or give it up first, so that there is a commit to start from`)
  if ((await git.list(['ls-files', '-z', '--unmerged'])).length > 0) throw new Ended(RALPH_EXIT.baseUnverifiable, `the index of ${git.dir} has unmerged paths: resolve them with "git add" first, so that it is clear what to start from`)
}

/** Ends what the agent left going on, so that a later commit of somebody's does not take it up. */
export async function quitUnfinished(git: Git): Promise<void> {
  const found = await signs(git)
  for (const { file, quit } of found) {
    for (const args of quit) await git.may(args)
    if (file === 'BISECT_LOG') await Promise.all([...BISECT.map((name) => forgetFile(git, name)), quitBisectRefs(git)])
  }
  // The message that the next commit of a person would begin with.
  if (found.length > 0) await Promise.all(['MERGE_MSG', 'REBASE_HEAD', 'AUTO_MERGE'].map((name) => forgetFile(git, name)))
}

async function forgetFile(git: Git, name: string): Promise<void> {
  await rm(resolve(git.dir, (await git.must(['rev-parse', '--git-path', name])).trim()), { force: true })
}

async function quitBisectRefs(git: Git): Promise<void> {
  const refs = (await git.may(['for-each-ref', '--format=%(refname)', 'refs/bisect']))?.split('\n').filter(Boolean) ?? []
  for (const ref of refs) await git.may(['update-ref', '-d', ref])
}
