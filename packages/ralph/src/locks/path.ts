import { readlink } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'

/** What an edit of a path asks for. */
export type Target =
  /** A file of the checkout, relative to its root, as git spells it. */
  | { kind: 'lock'; path: string }
  /** Nothing that can get into a commit: nobody needs to be asked. */
  | { kind: 'free' }
  | { kind: 'never'; reason: string }

export type Ground = {
  /** The checkout's root, links resolved. */
  root: string
  /** Ralph's own files and folders, absolute: the spec and `.ai`. */
  own: readonly string[]
}

/**
 * Which lock an edit of an absolute path needs. Two names of one file are one lock, so links are
 * followed as far as there are any.
 *
 * Outside of the checkout nothing is asked: such a file cannot get into the commit, and a lock is a path
 * of the repository; an agent needs its scratch files. Git's own files are refused: git never commits a
 * path with `.git` in it, and what is written there can only change what git itself does.
 */
export async function targetOf(ground: Ground, path: string): Promise<Target> {
  const real = await resolved(path)
  const inside = within(ground.root, real)
  const parts = (inside ? relative(ground.root, real) : real).split(sep)
  if (parts.includes('.git')) return { kind: 'never', reason: "git's own files are not edited by hand" }
  if (!inside || ground.own.some((own) => within(own, real))) return { kind: 'free' }
  return { kind: 'lock', path: parts.join('/') }
}

/** Whether a path of the repository is one of Ralph's own files, which are in no commit. */
export const isOwn = (ground: Ground, path: string): boolean => ground.own.some((own) => within(own, join(ground.root, path)))

const within = (folder: string, path: string): boolean => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

/** As many links in a row as the kernel follows. */
const MOST_LINKS = 40

/** `realpath` of a path that need not be there: the part that is there is resolved, a dangling link followed. */
async function resolved(path: string, links = 0): Promise<string> {
  const parent = dirname(path)
  if (parent === path) return path
  const above = await resolved(parent, links)
  const link = links < MOST_LINKS ? await readlink(path).catch(() => null) : null
  return link === null ? join(above, basename(path)) : resolved(resolve(above, link), links + 1)
}
