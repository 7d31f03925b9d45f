import { RALPH_EXIT } from '@factory/shared/ralph'
import { lstat, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { oddity } from './files.ts'
import { KEPT, keptSettings, type Setting } from './git/settings.ts'
import { openGit, type Git } from './git/git.ts'
import { Ended } from './outcome.ts'
import { keyOf, MARKER, newMarker } from './process/marker.ts'

/** Where a run works: the checkout and Ralph's files in it. */
export type Place = {
  git: Git
  /** Where the agent starts. */
  dir: string
  root: string
  spec: string
  /** How the agent is told about the spec. */
  specName: string
  ai: string
}

export const aiDir = (dir: string): string => join(dir, '.ai')
export const filesIn = (ai: string) =>
  ({
    state: join(ai, 'ralph', 'state.json'),
    lock: join(ai, 'ralph', 'lock'),
    events: join(ai, 'ralph', 'events.jsonl'),
    stuck: join(ai, 'stuck.md'),
    question: join(ai, 'question.md'),
    newLearnings: join(ai, 'new-learnings.md'),
  }) as const

/**
 * What a repository put in the way of Ralph's own files, in words; null when nothing. Ralph writes
 * through no link and into no pipe.
 */
export async function inTheWay(dir: string): Promise<string | null> {
  const ai = aiDir(dir)
  for (const path of [ai, join(ai, 'ralph')]) {
    const found = await oddity(path, 'directory')
    if (found !== null) return `${path} is ${found} and not a directory; Ralph keeps its files there and follows no link`
  }
  for (const path of Object.values(filesIn(ai))) {
    const found = await oddity(path, 'file')
    if (found !== null) return `${path} is ${found} and not a file; it is one of Ralph's own files, and Ralph follows no link`
  }
  return null
}

export type PlaceGiven = {
  dir: string
  spec: string
  path: string
  /** Where the user's settings of git are that decide about bytes and ignored files; none: only the repository's count. */
  home?: Readonly<{ HOME?: string; XDG_CONFIG_HOME?: string }>
  /** Further environment of our git calls. */
  env?: Readonly<Record<string, string>>
}

/** @throws Ended when the directory is no git checkout */
export async function openPlace(given: PlaceGiven): Promise<Place> {
  const wanted = resolve(given.dir)
  if (!(await stat(wanted).catch(() => null))?.isDirectory()) throw new Ended(RALPH_EXIT.usage, `--dir ${given.dir} is not a directory`)
  const dir = await realpath(wanted)
  if (Bun.which('git', { PATH: given.path }) === null) throw new Ended(RALPH_EXIT.usage, 'git is not installed, or not on the PATH')
  const env = { env: { ...given.env, [MARKER]: newMarker(keyOf(dir)) } }
  const { root, gitDir } = await findCheckout(dir, openGit(dir, given.path, env))
  const spec = resolve(dir, given.spec)
  const ai = aiDir(dir)
  const hidden = inside(root, [spec, ai]).map((path) => Buffer.from(path).toString('latin1'))
  const settings = await ownSettings(root, given)
  const name = relative(dir, spec)
  return { git: openGit(root, given.path, { ...env, gitDir, settings, hidden, prefix: relative(root, dir) }), dir, root, spec, specName: name.startsWith('..') ? spec : name, ai }
}

const inside = (root: string, paths: readonly string[]): string[] => paths.map((path) => relative(root, path)).filter((path) => path !== '' && path !== '..' && !path.startsWith('../'))

/** The root of the checkout around a directory, and where git keeps its things. */
async function findCheckout(dir: string, git: Git): Promise<{ root: string; gitDir: string }> {
  const [top, own] = await Promise.all([git.call(['rev-parse', '--show-toplevel']), git.call(['rev-parse', '--absolute-git-dir'])])
  const root = top.exitCode === 0 ? await realpath(top.stdout.replace(/\n$/, '')).catch(() => null) : null
  if (root === null) {
    if ((await git.may(['rev-parse', '--is-bare-repository'])) === 'true') throw new Ended(RALPH_EXIT.usage, `${dir} is in a bare repository, which has no files to work on; make a checkout with "git worktree add"`)
    const words = /not a git repository/.test(top.stderr) ? '' : `: ${top.stderr.trim().replace(/\s+/g, ' ').slice(0, 300)}`
    throw new Ended(RALPH_EXIT.usage, `${dir} is not in a git checkout${words}`)
  }
  if (root !== dir && inside(root, [dir]).length === 0) throw new Ended(RALPH_EXIT.usage, `the settings of git say that the files of ${dir} are in ${root} (core.worktree); start Ralph there`)
  return { root, gitDir: own.stdout.replace(/\n$/, '') }
}

/** Without them a checkout that was made with line ends of its own would be one large change. */
async function ownSettings(root: string, { path, home }: PlaceGiven): Promise<Setting[]> {
  const child = Bun.spawn(['git', '-c', 'safe.directory=*', 'config', '-z', '--type=path', '--get-regexp', KEPT], { cwd: root, env: { PATH: path, LC_ALL: 'C.UTF-8', HOME: '/nonexistent', ...home }, stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  return keptSettings(await new Response(child.stdout).text(), home?.XDG_CONFIG_HOME ?? (home?.HOME === undefined ? null : join(home.HOME, '.config')))
}

/**
 * Keeps our files out of what git shows, by the clone's own exclude file. Where that cannot be written
 * they show as untracked; no commit of ours has them all the same.
 */
export async function excludeFiles(place: Place): Promise<void> {
  const file = resolve(place.root, (await place.git.must(['rev-parse', '--git-path', 'info/exclude'])).trim())
  const found = await lstat(file).catch(() => null)
  if (found !== null && !found.isFile()) return
  const present = await readFile(file, 'utf8').catch(() => '')
  const missing = inside(place.root, [place.spec, place.ai]).map((path) => `/${path.replace(/[\\*?[\]!#\n]/g, '\\$&')}`).filter((pattern) => !present.split('\n').includes(pattern))
  if (missing.length === 0) return
  const text = `${present}${present === '' || present.endsWith('\n') ? '' : '\n'}# Ralph's files are no part of the repository\n${missing.join('\n')}\n`
  await mkdir(dirname(file), { recursive: true }).then(() => writeFile(file, text)).catch(() => undefined)
}

/** The same, and where the repository has files of our names, git takes its copy in the index for the truth. */
export async function hideFiles(place: Place): Promise<void> {
  await excludeFiles(place)
  const names = (place.git.options.hidden ?? []).map((path) => `:(top,literal)${Buffer.from(path, 'latin1').toString('utf8')}`)
  if (names.length === 0) return
  const tracked = await place.git.list(['ls-files', '-z', '--', ...names])
  if (tracked.length > 0) await place.git.must(['update-index', '--skip-worktree', '-z', '--stdin'], { stdin: tracked.map((path) => `${path}\0`).join('') })
}
