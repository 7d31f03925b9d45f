import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_TEXT, type Assignment } from '@factory/shared'
import type { Git } from '../git/git.ts'
import { asData } from './render.ts'

const SPEC_FILE = 'SPEC.md'
const AI_DIR = '.ai'

/**
 * Keeps our files out of every commit: untracked ones by git's own exclude file, those that the
 * repository happens to track by telling git not to look at them.
 */
export async function keepOutOfGit(git: Git): Promise<void> {
  await excludePaths(git, [SPEC_FILE, `${AI_DIR}/`])
  const tracked = (await git.must(['ls-files', '-z', '--', SPEC_FILE, AI_DIR])).split('\0').filter(Boolean)
  if (tracked.length > 0) await git.must(['update-index', '--skip-worktree', '--', ...tracked])
}

/** Adds paths, each from the top of the checkout, to `.git/info/exclude`. */
export async function excludePaths(git: Git, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  await mkdir(join(git.dir, '.git', 'info'), { recursive: true })
  const lines = paths.map((path) => `/${path.replace(/[\\*?[\]!#]/g, '\\$&').replace(/ $/, '\\ ')}`)
  await appendFile(join(git.dir, '.git', 'info', 'exclude'), `\n${lines.join('\n')}\n`)
}

/** What the agent is given besides the checkout. Returns the paths of the files that there was something to write into. */
export async function writeInputs(dir: string, assignment: Assignment): Promise<{ learnings: string | null; previous: string | null; spec: string | null }> {
  const ai = join(dir, AI_DIR)
  await mkdir(ai, { recursive: true })
  const { item, run, learnings, previous } = assignment
  if (run.kind === 'build') await Bun.write(join(dir, SPEC_FILE), item.spec ?? '')
  // The clean room has no checklist to work off; it is told what was asked for.
  const asked = run.kind === 'verify' && item.spec !== null
  if (asked) await Bun.write(join(ai, 'asked.md'), item.spec ?? '')
  if (run.kind === 'spec') await Bun.write(join(ai, 'request.md'), `# Request\n\nTitle: ${item.title.replace(/\s+/g, ' ')}\n\n${asData('request', item.description ?? item.spec ?? '')}\n`)
  if (learnings.length > 0) {
    const lines = learnings.map(({ kind, text }) => `- ${kind}: ${text.replace(/\s+/g, ' ')}`).join('\n')
    await Bun.write(join(ai, 'learnings.md'), `# What earlier runs on this repository learned\n\n${asData('learnings', lines)}\n`)
  }
  if (previous) {
    const report = previous.report ? `\n\nThe clean room said: ${previous.report.reason}\n${previous.report.head.filter(({ exitCode }) => exitCode !== 0).map(({ command, exitCode, outputTail }) => `\n$ ${command} (exit ${exitCode ?? 'none'})\n${outputTail}`).join('\n')}` : ''
    await Bun.write(join(ai, 'previous.md'), `# How the attempt before this one ended\n\n${asData('previous', `${previous.outcome.code}: ${previous.outcome.message}${report}`)}\n`)
  }
  return { learnings: learnings.length > 0 ? `${AI_DIR}/learnings.md` : null, previous: previous ? `${AI_DIR}/previous.md` : null, spec: asked ? `${AI_DIR}/asked.md` : null }
}

/** A file that a model wrote: it may be missing, huge or no text at all. */
export async function readText(path: string, max = MAX_TEXT): Promise<string | null> {
  try {
    const text = (await readFile(path)).subarray(0, max * 4).toString('utf8')
    return text.slice(0, max)
  } catch {
    return null
  }
}
