import type { VerifyReport } from '@factory/shared'
import type { Git } from '../git.ts'
import { isTestPath, type Change, type ChangeFacts, type Manifest, type Patch } from './integrity.ts'

export type ChangeSet = Pick<ChangeFacts, 'onBase' | 'changes' | 'patches' | 'manifests'> & { diff: VerifyReport['diff'] }

/** Above this many test files their patch is read whole instead of by name. */
const MAX_PATHS = 300

/** What lies between two commits, as far as integrity asks. */
export async function readChanges(git: Git, base: string, head: string): Promise<ChangeSet> {
  const range = ['--no-ext-diff', '--no-textconv', '--no-color', '-M', base, head]
  const [names, short, ancestor] = await Promise.all([
    git.must(['diff', '--name-status', '-z', ...range, '--']),
    git.must(['diff', '--shortstat', ...range, '--']),
    git.may(['merge-base', '--is-ancestor', base, head]),
  ])
  const changes = parseNames(names)
  const tests = changes.filter((change) => change.status !== 'D' && isTestPath(change.path)).map((change) => change.path)
  const manifests = changes.filter((change) => /(?:^|\/)package\.json$/.test(change.path) && change.status !== 'A').map((change) => change.path)
  const patch = tests.length === 0 ? '' : await git.must(['diff', '-U0', '--src-prefix=a/', '--dst-prefix=b/', ...range, '--', ...(tests.length > MAX_PATHS ? [] : tests.map((path) => `:(literal)${path}`))])
  return {
    onBase: ancestor !== null,
    changes,
    patches: parsePatch(patch),
    manifests: await Promise.all(manifests.map((path) => readManifest(git, base, head, path))),
    diff: parseShort(short),
  }
}

async function readManifest(git: Git, base: string, head: string, path: string): Promise<Manifest> {
  const [before, after] = await Promise.all([git.may(['show', `${base}:${path}`]), git.may(['show', `${head}:${path}`])])
  return { path, base: before, head: after }
}

export function parseShort(text: string): VerifyReport['diff'] {
  const count = (word: RegExp): number => Number(word.exec(text)?.[1] ?? 0)
  return { files: count(/(\d+) files? changed/), insertions: count(/(\d+) insertion/), deletions: count(/(\d+) deletion/) }
}

/** `git diff --name-status -z`: status, path, and for renames the old path before the new. */
export function parseNames(text: string): Change[] {
  const fields = text.split('\0').filter((field) => field !== '')
  const changes: Change[] = []
  for (let index = 0; index < fields.length; ) {
    const letter = (fields[index] ?? '').charAt(0)
    if (letter === 'R' || letter === 'C') {
      changes.push({ status: letter === 'R' ? 'R' : 'A', from: fields[index + 1] ?? null, path: fields[index + 2] ?? '' })
      index += 3
    } else {
      changes.push({ status: letter === 'A' || letter === 'D' || letter === 'T' ? letter : 'M', from: null, path: fields[index + 1] ?? '' })
      index += 2
    }
  }
  return changes
}

/** Added and removed lines by file, from a patch without context. */
export function parsePatch(text: string): Patch[] {
  const patches: Patch[] = []
  let inHeader = true
  for (const line of text.split('\n')) {
    if (line.startsWith('diff --git ')) {
      inHeader = true
      patches.push({ path: '', added: [], removed: [] })
      continue
    }
    const patch = patches.at(-1)
    if (!patch) continue
    if (line.startsWith('@@')) inHeader = false
    else if (inHeader && line.startsWith('+++ b/')) patch.path = line.slice(6).replace(/\t$/, '')
    else if (!inHeader && line.startsWith('+')) patch.added.push(line.slice(1))
    else if (!inHeader && line.startsWith('-')) patch.removed.push(line.slice(1))
  }
  return patches.filter((patch) => patch.path !== '')
}
