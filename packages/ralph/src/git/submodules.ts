import { RALPH_EXIT } from '@factory/shared/ralph'
import { lstat, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Git } from './git.ts'
import { Ended } from '../outcome.ts'
import type { HeldBack } from './held-back.ts'

/** Git inside of a submodule that the checkout has initialised; null where it has not. */
async function open(git: Git, path: string): Promise<Git | null> {
  const dir = join(git.dir, Buffer.from(path, 'latin1').toString('utf8'))
  if ((await lstat(join(dir, '.git')).catch(() => null)) === null) return null
  const gitDir = await git.at(dir).may(['rev-parse', '--absolute-git-dir'])
  return gitDir === null ? null : git.at(dir, { gitDir, ...(git.options.settings === undefined ? {} : { settings: git.options.settings }) })
}

type Link = { path: string; sha: string }

/** Entries of `ls-tree -z` or `ls-files -s -z` that stand for a commit of another repository. */
function linksOf(entries: readonly string[]): Link[] {
  return entries.flatMap((entry) => {
    const match = /^160000 (?:commit )?([0-9a-f]+)(?: \d)?\t([^]*)$/.exec(entry)
    return match ? [{ sha: match[1] ?? '', path: match[2] ?? '' }] : []
  })
}

/** Submodules in which something is changed that the commit of the repository around them cannot hold. */
export async function submoduleChanges(git: Git): Promise<HeldBack[]> {
  const links = linksOf(await git.list(['ls-files', '-s', '-z']))
  const changed = await Promise.all(
    links.map(async ({ path }): Promise<HeldBack[]> => {
      const inner = await open(git, path)
      // Looking deeper is our own affair: git would start itself there without our settings.
      const clean = inner === null || ((await inner.may(['status', '--porcelain', '--ignore-submodules=dirty'])) === '' && (await submoduleChanges(inner)).length === 0)
      return clean ? [] : [{ path: Buffer.from(path, 'latin1').toString('utf8'), why: 'inside_submodule', detail: '' }]
    }),
  )
  return changed.flat()
}

/** Whether the remote of the submodule at `path` has the commit, as far as this checkout knows. */
export async function isPublished(git: Git, path: string, sha: string): Promise<boolean> {
  const inner = await open(git, path)
  // Nothing there to ask; the link was made by hand, with content that we do not see.
  if (inner === null) return false
  return ((await inner.may(['for-each-ref', '--count=1', '--contains', sha, 'refs/remotes', 'refs/tags'])) ?? '') !== ''
}

/**
 * Gives a clean room the submodules that the checkout has, at the commits that `sha` names, without
 * asking their remotes. What is not initialised in the checkout stays an empty directory here too.
 * @throws Ended when the checkout does not have that commit of one
 */
export async function fillSubmodules(git: Git, sha: string, room: string): Promise<void> {
  for (const { path, sha: wanted } of linksOf(await git.list(['ls-tree', '-r', '-z', '--full-tree', sha]))) {
    const inner = await open(git, path)
    if (inner === null) continue
    const name = Buffer.from(path, 'latin1').toString('utf8')
    if ((await inner.commit(wanted)) === null) {
      throw new Ended(RALPH_EXIT.baseUnverifiable, `commit ${wanted.slice(0, 12)} of the submodule ${name} is not in this checkout: run "git submodule update --init ${name}" first`)
    }
    await fill(inner, wanted, join(room, name))
  }
}

async function fill(inner: Git, sha: string, dir: string): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'ralph-index-'))
  try {
    const room = inner.at(dir, { ...inner.options, index: join(parent, 'index') })
    await room.must(['read-tree', sha])
    await room.must(['checkout-index', '--all', '--force'])
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
  await fillSubmodules(inner, sha, dir)
}
