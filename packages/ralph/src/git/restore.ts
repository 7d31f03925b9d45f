import { rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { snapshot, type Git } from './git.ts'
import { parseRaw } from './stage.ts'

/**
 * Puts the working tree back to a tree that {@link snapshot} gave on top of the same `parent`. Path by
 * path, so that what no commit holds (ignored files, large ones, Ralph's own) is left as it is.
 */
export async function restore(git: Git, tree: string, parent: string): Promise<void> {
  const now = (await snapshot(git, parent)).tree
  if (now !== tree) {
    const changes = parseRaw(await git.list(['diff-tree', '-r', '-z', '--no-renames', tree, now, '--']))
    for (const { path } of changes.filter((change) => change.status === 'A')) await removePath(git.dir, path)
    await git.must(['read-tree', '--reset', tree])
    const back = changes.filter((change) => change.status !== 'A' && change.oldMode !== '160000').map((change) => `${change.path}\0`)
    await git.must(['checkout-index', '-f', '-u', '-z', '--stdin'], { stdin: back.join('') })
  }
}

/** Takes a file away and the directories that it alone kept. */
async function removePath(root: string, path: string): Promise<void> {
  const bytes = (name: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')])
  await rm(bytes(path), { force: true })
  for (let dir = dirname(path); dir !== '.'; dir = dirname(dir)) {
    if (!(await rmdir(bytes(dir)).then(() => true, () => false))) return
  }
}
