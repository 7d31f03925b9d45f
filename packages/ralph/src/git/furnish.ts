import { lstat, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Git } from './git.ts'
import { fillSubmodules } from './submodules.ts'

/**
 * Makes a fresh clean room what the checkout is, and returns the directory in it that stands for the one
 * Ralph was started in. Where the commit does not have that (or has a link there, which could lead
 * outside) it is empty.
 * @throws Ended when the checkout does not have a submodule's commit
 */
export async function furnish(git: Git, sha: string, room: string): Promise<string> {
  await fillSubmodules(git, sha, room)
  let dir = room
  for (const part of (git.options.prefix ?? '').split('/').filter(Boolean)) {
    dir = join(dir, part)
    const stat = await lstat(dir).catch(() => null)
    if (stat?.isDirectory()) continue
    await rm(dir, { force: true })
    await mkdir(dir)
  }
  return dir
}
