import { snapshot, type Git } from './git.ts'

/** Puts the working tree back to a tree that {@link snapshot} gave; ignored files aside. */
export async function restore(git: Git, tree: string): Promise<void> {
  if ((await snapshot(git)) !== tree) await git.must(['read-tree', '--reset', '-u', tree])
  await git.must(['reset', '--quiet'])
}
