import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Git } from './git.ts'

/** Git with a copy of the checkout's index: what somebody has staged there is not touched. */
export async function withIndexApart<T>(git: Git, use: (git: Git) => Promise<T>): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), 'ralph-index-'))
  const index = join(parent, 'index')
  try {
    // A repository in which nothing was ever staged has none.
    await copyFile(resolve(git.dir, (await git.must(['rev-parse', '--git-path', 'index'])).trim()), index).catch(() => undefined)
    return await use(git.with({ index }))
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}
