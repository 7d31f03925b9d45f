import { lstat } from 'node:fs/promises'
import type { Git } from './git.ts'
import { judgeFound, LARGEST_FILE, type Found, type HeldBack } from './held-back.ts'
import { isPublished, submoduleChanges } from './submodules.ts'

/** Paths in here are bytes in latin1: a name need not be UTF-8. */
const shown = (path: string): string => Buffer.from(path, 'latin1').toString('utf8').replace(/\/$/, '')
const terminated = (lines: readonly string[]): string => lines.map((line) => `${line}\0`).join('')
const GITLINK = '160000'
const NOTHING = '0'.repeat(40)

const isHidden = (git: Git, path: string): boolean => (git.options.hidden ?? []).some((hidden) => path === hidden || path.startsWith(`${hidden}/`))

/** Puts what the working tree has into the index, and returns what may not get there. */
export async function stage(git: Git): Promise<HeldBack[]> {
  // Exit code 1: something has changed, which is what we are here for.
  await git.call(['update-index', '-q', '--refresh', '--ignore-submodules'])
  const [changed, untracked] = await Promise.all([git.list(['diff-files', '-z', '--no-renames', '--ignore-submodules=dirty']), git.list(['ls-files', '-z', '--others', '--exclude-standard'])])
  const { gone, present, modules } = sort(parseRaw(changed), untracked)
  const held = await examine(git, present.filter((path) => !isHidden(git, path)))
  const heldPaths = new Set(held.map(({ path }) => path))
  const wanted = present.filter((path) => !isHidden(git, path) && !heldPaths.has(path))
  await forget(git, gone.filter((path) => !isHidden(git, path)))
  const refused = await take(git, wanted)
  const moved = modules.map((path): HeldBack => ({ path: shown(path), why: 'moved_submodule', detail: '' }))
  const inside = await submoduleChanges(git)
  return [...held.map((one) => ({ ...one, path: shown(one.path) })), ...refused, ...moved, ...inside]
}

export type RawChange = { status: string; oldMode: string; newMode: string; oldSha: string; newSha: string; path: string }

/** `git diff-files -z` and `diff-index -z`: a line of modes, ids and status, then the path. */
export function parseRaw(fields: readonly string[]): RawChange[] {
  const changes: RawChange[] = []
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [oldMode = '', newMode = '', oldSha = '', newSha = '', status = ''] = (fields[index] ?? '').slice(1).split(' ')
    changes.push({ oldMode, newMode, oldSha, newSha, status, path: fields[index + 1] ?? '' })
  }
  return changes
}

function sort(changes: readonly RawChange[], untracked: readonly string[]): { gone: string[]; present: string[]; modules: string[] } {
  const gone = new Set<string>()
  const present = new Set<string>(untracked)
  const modules = new Set<string>()
  for (const { status, oldMode, newMode, path } of changes) {
    if (status === 'D') gone.add(path)
    else if (oldMode === GITLINK && newMode === GITLINK) modules.add(path)
    else if (status !== 'U') present.add(path)
  }
  // Of most unmerged paths git has told in a second line; taking one whose file is gone removes it.
  for (const { status, path } of changes) if (status === 'U' && !gone.has(path)) present.add(path)
  return { gone: [...gone].filter((path) => !present.has(path)), present: [...present], modules: [...modules] }
}

async function examine(git: Git, paths: readonly string[]): Promise<HeldBack[]> {
  const filters = await filtersOf(git, paths)
  const judged = await Promise.all(
    paths.map(async (path): Promise<HeldBack[]> => {
      const found = await look(git, path)
      // Gone since it was listed.
      if (found === null) return []
      const no = judgeFound({ ...found, filter: filters.get(path) ?? null })
      return no === null ? [] : [{ path, ...no }]
    }),
  )
  return judged.flat()
}

async function look(git: Git, path: string): Promise<Omit<Found, 'filter'> | null> {
  const stat = await lstat(Buffer.concat([Buffer.from(`${git.dir}/`), Buffer.from(path, 'latin1')])).catch(() => null)
  if (stat === null) return null
  return { kind: stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'directory' : 'other', size: stat.size }
}

/** The filter drivers in use that paths would have to pass. */
async function filtersOf(git: Git, paths: readonly string[]): Promise<Map<string, string>> {
  if (paths.length === 0) return new Map()
  const fields = await git.list(['check-attr', '-z', '--stdin', 'filter'], terminated(paths))
  const used = new Set((await git.settled()).options.drivers)
  const found = new Map<string, string>()
  for (let index = 0; index + 2 < fields.length; index += 3) {
    const [path = '', value = ''] = [fields[index], fields[index + 2]]
    if (used.has(value)) found.set(path, value)
  }
  return found
}

async function forget(git: Git, paths: readonly string[]): Promise<void> {
  if (paths.length > 0) await git.must(['update-index', '-z', '--index-info'], { stdin: terminated(paths.map((path) => `0 ${NOTHING}\t${path}`)) })
}

/**
 * git takes a list whole or not at all, so one that it refuses is halved until the path that it cannot
 * take (unreadable, another encoding than its attributes say, changed meanwhile) stands alone.
 */
async function take(git: Git, paths: readonly string[]): Promise<HeldBack[]> {
  if (paths.length === 0) return []
  const done = await git.call(['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], { stdin: terminated(paths) })
  if (done.exitCode === 0) return []
  if (paths.length === 1) return [{ path: shown(paths[0] ?? ''), why: 'refused', detail: (done.stderr.trim().split('\n')[0] ?? '').slice(0, 300) }]
  const middle = Math.ceil(paths.length / 2)
  return [...(await take(git, paths.slice(0, middle))), ...(await take(git, paths.slice(middle)))]
}

/**
 * Whatever somebody staged besides: Ralph's own files, files that are too large, links to repositories
 * whose commits nobody else has, and unmerged paths get the entry of `parent`.
 */
export async function unstageHeldBack(git: Git, parent: string): Promise<HeldBack[]> {
  const changes = parseRaw(await git.list(['diff-index', '--cached', '-z', '--no-renames', '--ignore-submodules=dirty', parent, '--']))
  const large = await tooLarge(git, changes)
  const held: HeldBack[] = []
  const back: RawChange[] = []
  for (const change of changes) {
    const { path, newMode, newSha, status } = change
    if (isHidden(git, path)) back.push(change)
    else if (status === 'U') back.push(change)
    else if (large.has(newSha)) {
      back.push(change)
      held.push({ path: shown(path), why: 'too_large', detail: '' })
    } else if (newMode === GITLINK && !(await isPublished(git, path, newSha))) {
      back.push(change)
      held.push({ path: shown(path), why: change.oldMode === GITLINK ? 'unpublished_submodule' : 'nested_repository', detail: '' })
    }
  }
  // Away first: an entry cannot stand beside one that has its name as a directory.
  await forget(git, back.map((change) => change.path))
  const restored = back.filter((change) => change.oldMode !== '000000').map((change) => `${change.oldMode} ${change.oldSha} 0\t${change.path}`)
  if (restored.length > 0) await git.must(['update-index', '-z', '--index-info'], { stdin: terminated(restored) })
  return held
}

async function tooLarge(git: Git, changes: readonly RawChange[]): Promise<Set<string>> {
  const blobs = changes.filter((change) => change.newMode !== GITLINK && !/^0*$/.test(change.newSha)).map((change) => change.newSha)
  if (blobs.length === 0) return new Set()
  const answer = await git.must(['cat-file', '--batch-check=%(objectname) %(objectsize)'], { stdin: blobs.map((sha) => `${sha}\n`).join('') })
  return new Set(answer.split('\n').flatMap((line) => { const [sha = '', size = '0'] = line.split(' '); return Number(size) > LARGEST_FILE ? [sha] : [] }))
}
