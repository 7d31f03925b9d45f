import type { VerifyReport } from '@factory/shared/ralph'
import type { Git } from '../git/git.ts'
import { readCalled, type Called } from './called.ts'
import type { Change, ChangeFacts, FileText } from './facts.ts'
import { readHelpers } from './helpers.ts'
import { isTestPath, nameOf } from './paths.ts'
import { holdsTargets } from './settings/commands.ts'
import { holdsFloors } from './settings/floors.ts'
import { toolOf } from './settings/tools.ts'
import { languageOf } from './source/languages/index.ts'

export type ChangeSet = Pick<ChangeFacts, 'onBase' | 'changes' | 'files' | 'passedOver' | 'helpers'> & Called & { diff: VerifyReport['diff'] }

/** Changed test and check files that are read, deleted and changed ones before new ones. */
const MAX_FILES = 600
/** Bytes of one side of a file; generated files are longer, tests that people write are not. */
const MAX_BYTES = 512 * 1024
/** Bytes of both sides of all files. */
const MAX_ALL_BYTES = 16 * 1024 * 1024
/** Paths handed to git at once. */
const CHUNK = 100
const AT_ONCE = 4

/** What lies between two commits, as far as integrity asks. */
export async function readChanges(git: Git, base: string, head: string, commands: readonly string[]): Promise<ChangeSet> {
  const range = ['--no-ext-diff', '--no-textconv', '--no-color', '-M', base, head]
  const [raw, short, ancestor, called] = await Promise.all([
    git.must(['diff', '--raw', '--no-abbrev', '-z', ...range, '--']),
    git.must(['diff', '--shortstat', ...range, '--']),
    git.may(['merge-base', '--is-ancestor', base, head]),
    readCalled(git, base, commands),
  ])
  const entries = parseRaw(raw)
  const checks = new Set([...called.scripts, ...called.included])
  const wanted = entries.filter(({ path, from }) => [path, from ?? path].some((one) => isRead(one) || checks.has(one))).toSorted((a, b) => rank(a) - rank(b))
  const first = wanted.slice(0, MAX_FILES)
  const [before, after] = await Promise.all([sizesOf(git, base, first.map((entry) => entry.from ?? entry.path)), sizesOf(git, head, first.map((entry) => entry.path))])
  let bytes = 0
  const chosen = first.filter((entry) => {
    const size = [before.get(entry.from ?? entry.path) ?? 0, after.get(entry.path) ?? 0].reduce((sum, one) => sum + (one > MAX_BYTES ? 0 : one), 0)
    if (bytes + size > MAX_ALL_BYTES) return false
    bytes += size
    return true
  })
  const files = await inTurns(chosen, (entry) => readFileText(git, entry, before.get(entry.from ?? entry.path) ?? 0, after.get(entry.path) ?? 0))
  return {
    ...called,
    onBase: ancestor !== null,
    changes: entries.map(({ status, path, from }) => ({ status, path, from })),
    files,
    helpers: await readHelpers(git, head, entries.map((entry) => entry.path), files),
    passedOver: wanted.length - chosen.length,
    diff: parseShort(short),
  }
}

const isRead = (path: string): boolean => (languageOf(path) !== null && (isTestPath(path) || path.endsWith('.rs'))) || toolOf(path) !== null || holdsFloors(path) || holdsTargets(path) || nameOf(path) === 'package.json'
const rank = (entry: Change): number => (entry.status === 'A' ? 1 : 0)

type Entry = Change & { before: Side; after: Side }
type Side = { mode: string; id: string }

async function readFileText(git: Git, entry: Entry, sizeBefore: number, sizeAfter: number): Promise<FileText> {
  const [base, head] = await Promise.all([readSide(git, entry.before, sizeBefore), readSide(git, entry.after, sizeAfter)])
  return { path: entry.path, from: entry.from, base: base.text, head: head.text, unread: head.unread ?? (head.text === null ? null : base.unread) }
}

/** The text of a blob, line ends made one kind; null where there is none, with a reason where there is a file. */
async function readSide(git: Git, { mode, id }: Side, size: number): Promise<{ text: string | null; unread: string | null }> {
  // Links and submodules have no text of their own; the change of type tells.
  if (!mode.startsWith('100')) return { text: null, unread: null }
  if (size > MAX_BYTES) return { text: null, unread: `it is larger than ${MAX_BYTES / 1024} KiB` }
  const blob = await git.call(['cat-file', 'blob', id])
  if (blob.exitCode !== 0) return { text: null, unread: 'git has no text of it' }
  if (blob.stdout.includes('\0')) return { text: null, unread: 'it is no text' }
  return { text: blob.stdout.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'), unread: null }
}

async function sizesOf(git: Git, commit: string, paths: readonly string[]): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for (let from = 0; from < paths.length; from += CHUNK) {
    const listed = await git.must(['ls-tree', '-l', '-z', '--full-tree', commit, '--', ...paths.slice(from, from + CHUNK)])
    for (const line of listed.split('\0')) {
      const [about = '', path] = line.split('\t')
      if (path !== undefined) sizes.set(path, Number(about.trim().split(/\s+/).at(-1)) || 0)
    }
  }
  return sizes
}

async function inTurns<T, R>(items: readonly T[], use: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += AT_ONCE) results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(use))))
  return results
}

export function parseShort(text: string): VerifyReport['diff'] {
  const count = (word: RegExp): number => Number(word.exec(text)?.[1] ?? 0)
  return { files: count(/(\d+) files? changed/), insertions: count(/(\d+) insertion/), deletions: count(/(\d+) deletion/) }
}

/** `git diff --raw -z`: ":mode mode id id status", path, and for renames the old path before the new. */
export function parseRaw(text: string): Entry[] {
  const fields = text.split('\0')
  const entries: Entry[] = []
  for (let index = 0; index + 1 < fields.length; ) {
    const [before = '', after = '', idBefore = '', idAfter = '', letters = ''] = (fields[index] ?? '').slice(1).split(' ')
    const letter = letters.charAt(0)
    const sides = { before: { mode: before, id: idBefore }, after: { mode: after, id: idAfter } }
    if (letter === 'R' || letter === 'C') {
      const [from = '', path = ''] = fields.slice(index + 1, index + 3)
      entries.push(letter === 'R' ? { status: 'R', path, from, ...sides } : { status: 'A', path, from: null, ...sides, before: { mode: '000000', id: '' } })
      index += 3
    } else {
      entries.push({ status: letter === 'A' || letter === 'D' || letter === 'T' ? letter : 'M', path: fields[index + 1] ?? '', from: null, ...sides })
      index += 2
    }
  }
  return entries
}
