import type { Git } from '../git/git.ts'

/** One path that differs between two trees; a rename is a path that went and one that came. */
export type Change = {
  path: string
  /** File modes as git has them; 000000: not there. */
  before: string
  after: string
  /** The object there was before. */
  object: string
}

export const GITLINK = '160000'
const NOTHING = '000000'
export const isNew = (change: Change): boolean => change.before === NOTHING

export async function changesBetween(git: Git, from: string, to: string): Promise<Change[]> {
  return parseRaw(await git.must(['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', '--no-ext-diff', '--ignore-submodules=none', `${from}^{tree}`, `${to}^{tree}`]))
}

/** `git diff-tree -z --raw`: `:before after object object letter`, then the path. */
export function parseRaw(text: string): Change[] {
  const fields = text.split('\0')
  const changes: Change[] = []
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [before = NOTHING, after = NOTHING, object = ''] = (fields[index] ?? '').replace(/^:/, '').split(' ')
    changes.push({ path: fields[index + 1] ?? '', before, after, object })
  }
  return changes
}

/** git's names are bytes; one that is no text cannot be handed to a command, nor asked about. */
export const isNamed = (path: string): boolean => !path.includes('\u{fffd}')
