import { git } from './git.ts'

export type ChangedFile = { filename: string; previous: string | null; status: 'added' | 'modified' | 'removed' | 'renamed'; additions: number; deletions: number; binary: boolean; patch: string; sha: string }

const STATUS: Readonly<Record<string, ChangedFile['status']>> = { A: 'added', M: 'modified', T: 'modified', D: 'removed', R: 'renamed' }
const OPTIONS = ['-M', '--no-color', '--no-ext-diff'] as const

/** What changes from one tree to another, file by file, as GitHub shows it. */
export async function changedFiles(dir: string, from: string, to: string): Promise<ChangedFile[]> {
  const [raw, counts, patches] = await Promise.all([
    git(dir, ['diff', ...OPTIONS, '--raw', '--no-abbrev', '-z', from, to]),
    git(dir, ['diff', ...OPTIONS, '--numstat', '-z', from, to]),
    git(dir, ['diff', ...OPTIONS, from, to]),
  ])
  const numbers = readCounts(counts)
  const hunks = patches.split(/^(?=diff --git )/m).filter(Boolean)
  return readRaw(raw).map((file, index) => {
    const { additions = 0, deletions = 0, binary = false } = numbers[index] ?? {}
    // GitHub's patch starts at the first hunk; a binary or purely renamed file has none.
    const hunk = /^@@ [\s\S]*/m.exec(hunks[index] ?? '')?.[0] ?? ''
    return { ...file, additions, deletions, binary, patch: hunk.replace(/\n$/, '') }
  })
}

export const unifiedDiff = (dir: string, from: string, to: string): Promise<string> => git(dir, ['diff', ...OPTIONS, from, to])

/** `:mode mode sha sha status NUL path NUL [new path NUL]` */
function readRaw(text: string): Pick<ChangedFile, 'filename' | 'previous' | 'status' | 'sha'>[] {
  const parts = text.split('\0')
  const files: Pick<ChangedFile, 'filename' | 'previous' | 'status' | 'sha'>[] = []
  for (let at = 0; parts[at]; at += 1) {
    const [, , , sha = '', letter = ''] = (parts[at] ?? '').split(' ')
    const path = parts[(at += 1)] ?? ''
    const renamed = letter.startsWith('R')
    const filename = renamed ? (parts[(at += 1)] ?? '') : path
    files.push({ filename, previous: renamed ? path : null, status: STATUS[letter[0] ?? ''] ?? 'modified', sha })
  }
  return files
}

/** `added TAB deleted TAB path NUL`; a rename has an empty path and then two more parts. */
function readCounts(text: string): Pick<ChangedFile, 'additions' | 'deletions' | 'binary'>[] {
  const parts = text.split('\0')
  const counts: Pick<ChangedFile, 'additions' | 'deletions' | 'binary'>[] = []
  for (let at = 0; parts[at]; at += 1) {
    const [added = '', deleted = '', path = ''] = (parts[at] ?? '').split('\t')
    counts.push({ additions: Number(added) || 0, deletions: Number(deleted) || 0, binary: added === '-' })
    if (path === '') at += 2
  }
  return counts
}

export function stats(files: readonly ChangedFile[]) {
  const [additions, deletions] = [files.reduce((sum, file) => sum + file.additions, 0), files.reduce((sum, file) => sum + file.deletions, 0)]
  return { additions, deletions, total: additions + deletions }
}
