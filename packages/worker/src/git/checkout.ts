import { mkdir, readdir } from 'node:fs/promises'
import { pause, type Assignment, type Logger } from '@factory/shared'
import { RunFailure } from '../ending.ts'
import { diskFullMessage, saysDiskFull } from '../disk/full.ts'
import type { Switch } from '../halt.ts'
import type { Trust } from '../protocol/keep.ts'
import type { Git } from './git.ts'
import { readFetchProblem } from './refusal.ts'

export type Checkout = { baseSha: string; headSha: string; branch: string }

/** Work on a branch of a name that no repository has; what is pushed is a commit, never this name. */
const WORK_BRANCH = 'factory-work'
const DEPTH = 50
/** Tries of one fetch, about 30 seconds in all, besides the time in which nobody takes our heartbeats either. */
const RETRY_MS = [1000, 4000, 10_000, 15_000] as const

/** The workspace must be ours alone: a stranger's files would end up in a commit. */
export async function makeWorkspace(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  if ((await readdir(path)).length > 0) throw new RunFailure('internal', `the workspace ${path} is not empty`)
}

/**
 * Checks the base out, and on top of it the work that is to be gone on with or checked.
 * @throws RunFailure with a code that says what is wrong with the repository
 */
export async function checkout(options: { git: Git; gatewayUrl: string; assignment: Assignment; stop: Switch; trust: Trust; logger: Logger; retryMs?: readonly number[] }): Promise<Checkout> {
  const { git, assignment, stop, logger } = options
  const { repo, resume } = assignment
  await needGit(git)
  await git.must(['init', '-q', '-b', WORK_BRANCH])
  await git.must(['remote', 'add', 'origin', `${options.gatewayUrl}/git/${repo}.git`])
  const fetch = (...args: string[]) => fetchRetrying({ git, args, repo, stop, trust: options.trust, retryMs: options.retryMs ?? RETRY_MS })

  const wanted = assignment.baseBranch ? `refs/heads/${assignment.baseBranch}` : 'HEAD'
  const problem = await fetch(`--depth=${DEPTH}`, 'origin', wanted)
  if (problem) throw await explain(git, assignment, problem)
  const tip = await git.must(['rev-parse', 'FETCH_HEAD'])
  if (!resume) return use(git, stop, tip, tip)

  const lost = await fetch(`--depth=${DEPTH}`, 'origin', resume.ref)
  if (lost || !(await hasCommit(git, resume.sha))) {
    const why = lost?.message ?? `${resume.ref} does not hold ${resume.sha}`
    if (assignment.run.kind === 'verify') throw new RunFailure('internal', `what is to be checked cannot be fetched: ${why}`)
    logger.warn({ ref: resume.ref, why }, 'earlier work is gone; starting from the base')
    return use(git, stop, tip, tip)
  }
  await deepen(git, fetch, [wanted, resume.ref], resume)
  return use(git, stop, resume.baseSha, resume.sha)
}

/** The container may be of any image; this is the first time that one without git is noticed. */
async function needGit(git: Git): Promise<void> {
  try {
    await git.must(['--version'])
  } catch (error) {
    throw new RunFailure('image_unusable', `there is no usable git where the worker runs: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The base must be an ancestor, or there is no diff to speak of; a deep branch needs more than 50 commits. */
async function deepen(git: Git, fetch: (...args: string[]) => Promise<unknown>, refs: readonly string[], resume: { sha: string; baseSha: string }): Promise<void> {
  const related = async () => (await git.try(['merge-base', '--is-ancestor', resume.baseSha, resume.sha])).code === 0
  if (await related()) return
  await fetch('--deepen=500', 'origin', ...refs)
  if (await related()) return
  await fetch('--unshallow', 'origin', ...refs)
  if (!(await related())) throw new RunFailure('internal', `${resume.sha} does not stand on ${resume.baseSha}`)
}

async function use(git: Git, stop: Switch, baseSha: string, headSha: string): Promise<Checkout> {
  stop.check()
  await git.must(['checkout', '-q', '-f', '-B', WORK_BRANCH, headSha])
  return { baseSha, headSha, branch: WORK_BRANCH }
}

const hasCommit = async (git: Git, sha: string) => (await git.try(['cat-file', '-e', `${sha}^{commit}`])).code === 0

type Problem = { code: RunFailure['code']; message: string; noSuchRef: boolean }

async function fetchRetrying(options: { git: Git; args: readonly string[]; repo: string; stop: Switch; trust: Trust; retryMs: readonly number[] }): Promise<Problem | null> {
  for (let attempt = 0; ; attempt++) {
    const done = await options.git.try(['fetch', '-q', '--no-tags', ...options.args], { signal: options.stop.signal })
    options.stop.check()
    if (done.code === 0) return null
    if (saysDiskFull(done.stderr)) throw new RunFailure('disk_full', diskFullMessage(done.stderr.trim().slice(-2000)))
    const problem = readFetchProblem(options.repo, done.stderr)
    // While nobody answers our heartbeats either (an upgrade), a failed fetch says nothing about the forge.
    if (problem.retry && !(await options.trust.confirm())) attempt = -1
    const wait = options.retryMs[Math.max(0, attempt)]
    if (!problem.retry || wait === undefined) return { ...problem, noSuchRef: /couldn't find remote ref/i.test(done.stderr) }
    await pause(wait, options.stop.signal)
    options.stop.check()
  }
}

/** A repository without commits has no HEAD either; only a look at its refs tells the two apart. */
async function explain(git: Git, assignment: Assignment, problem: Problem): Promise<RunFailure> {
  if (problem.noSuchRef) {
    const refs = await git.try(['ls-remote', 'origin'])
    if (refs.code === 0 && refs.stdout.trim() === '') return new RunFailure('repository_empty', `${assignment.repo} has no commits; push a first one to work on`)
    if (assignment.baseBranch) return new RunFailure('repository_not_found', `${assignment.repo} has no branch ${assignment.baseBranch}`)
  }
  return new RunFailure(problem.code, problem.message)
}
