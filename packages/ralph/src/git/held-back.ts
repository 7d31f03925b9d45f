/**
 * Why a changed path is left out of a commit. Its file stays in the working tree as it is; the commit
 * has what its parent has.
 */
export type HeldBackWhy = 'too_large' | 'nested_repository' | 'inside_submodule' | 'moved_submodule' | 'unpublished_submodule' | 'filtered' | 'no_file' | 'refused'

export type HeldBack = {
  /** From the root of the checkout; bytes that are no UTF-8 are shown as U+FFFD. */
  path: string
  why: HeldBackWhy
  /** What git said (`refused`), the driver's name (`filtered`), or nothing. */
  detail: string
}

/**
 * A larger file is not committed, in bytes: forges warn above 50 MiB and refuse a push above 100 MiB
 * (GitHub's documentation, "About large files"); a checked program does not need one.
 */
export const LARGEST_FILE = 50 * 1024 * 1024

/** What is known of a path that differs from the index. */
export type Found = {
  kind: 'file' | 'link' | 'directory' | 'other'
  size: number
  /** The value of its `filter` attribute when a driver of that name is in use. */
  filter: string | null
}

/** Whether what lies at a path can be committed as it is. */
export function judgeFound(found: Found): Omit<HeldBack, 'path'> | null {
  if (found.kind === 'other') return { why: 'no_file', detail: '' }
  // git lists a directory as one path only where it is the root of another repository.
  if (found.kind === 'directory') return { why: 'nested_repository', detail: '' }
  if (found.kind === 'link') return null
  if (found.size > LARGEST_FILE) return { why: 'too_large', detail: '' }
  if (found.filter !== null) return { why: 'filtered', detail: found.filter }
  return null
}

const WORDS: Readonly<Record<HeldBackWhy, (detail: string) => string>> = {
  too_large: () => `is larger than ${LARGEST_FILE / 1024 / 1024} MiB`,
  nested_repository: () => 'is a git repository of its own; its files are committed once its .git is gone',
  inside_submodule: () => 'has changes inside of a submodule, which is a repository of its own',
  // As often as not a forgotten "git submodule update".
  moved_submodule: () => 'is a submodule at another commit than the one recorded; stage it with "git add" if that is meant',
  unpublished_submodule: () => 'is a submodule at a commit that its remote does not have',
  filtered: (detail) => `has to pass the filter "${detail}", which Ralph does not run`,
  no_file: () => 'is neither a file nor a link',
  refused: (detail) => `cannot be committed: ${detail}`,
}

const SHOWN = 20

/** One sentence a path for people and for the agent; a long list is cut. */
export function sayHeldBack(held: readonly HeldBack[]): string[] {
  const lines = held.slice(0, SHOWN).map(({ path, why, detail }) => `${JSON.stringify(path.slice(-200))} is not in the commit: it ${WORDS[why](detail)}`.slice(0, 500))
  return held.length > SHOWN ? [...lines, `${held.length - SHOWN} further paths are not in the commit`] : lines
}
