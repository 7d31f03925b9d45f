import { RALPH_EXIT } from '@factory/shared'
import { appendFile, mkdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { openGit, type Git } from './git.ts'
import { Ended } from './outcome.ts'
import { keyOf, newMarker } from './process/marker.ts'

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

/** @throws Ended when the directory is no git checkout with a commit. */
export async function openPlace(given: { dir: string; spec: string; path: string }): Promise<Place> {
  const wanted = resolve(given.dir)
  if (!(await stat(wanted).catch(() => null))?.isDirectory()) throw new Ended(RALPH_EXIT.usage, `--dir ${given.dir} is not a directory`)
  const dir = await realpath(wanted)
  const marker = newMarker(keyOf(dir))
  const root = await openGit(dir, given.path, marker).may(['rev-parse', '--show-toplevel'])
  if (!root) throw new Ended(RALPH_EXIT.usage, `${dir} is not in a git checkout`)
  const spec = resolve(dir, given.spec)
  const name = relative(dir, spec)
  return { git: openGit(root, given.path, marker), dir, root, spec, specName: name.startsWith('..') ? spec : name, ai: aiDir(dir) }
}

/**
 * Keeps our files out of every commit: by the clone's own exclude file, and where the repository has a
 * file of that name, by taking its copy in the index for the truth.
 */
export async function hideFiles(place: Place): Promise<void> {
  const inside = [place.spec, place.ai].map((path) => relative(place.root, path)).filter((path) => !path.startsWith('..'))
  const excludes = resolve(place.root, (await place.git.must(['rev-parse', '--git-path', 'info/exclude'])).trim())
  const present = (await readFile(excludes, 'utf8').catch(() => '')).split('\n')
  const missing = inside.map((path) => `/${path.replace(/[\\*?[\]!#]/g, '\\$&')}`).filter((pattern) => !present.includes(pattern))
  if (missing.length > 0) {
    await mkdir(dirname(excludes), { recursive: true })
    await appendFile(excludes, `\n# Ralph's files are no part of the repository\n${missing.join('\n')}\n`)
  }
  const tracked = (await place.git.must(['ls-files', '-z', '--', ...inside.map((path) => `:(top,literal)${path}`)])).split('\0').filter(Boolean)
  if (tracked.length > 0) await place.git.must(['update-index', '--skip-worktree', '--', ...tracked])
}
