import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeTemporary, roomName } from './process/leftovers.ts'
import { MARKER } from './process/marker.ts'

/** git said no. The message has the command and what git wrote. */
class GitError extends Error {
  readonly exitCode: number

  constructor(args: readonly string[], exitCode: number, stderr: string) {
    super(`git ${args.slice(0, 3).join(' ')} failed (${exitCode}): ${stderr.trim().slice(0, 2000)}`)
    this.name = 'GitError'
    this.exitCode = exitCode
  }
}

/** The agent can write to .git/config: nothing of it may make our own git calls run a program. */
const SAFE = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', '-c', 'commit.gpgSign=false', '-c', 'core.quotePath=false', '-c', 'gc.auto=0', '-c', 'advice.detachedHead=false', '-c', 'safe.directory=*']
const AUTHOR = { GIT_AUTHOR_NAME: 'Ralph', GIT_AUTHOR_EMAIL: 'ralph@localhost', GIT_COMMITTER_NAME: 'Ralph', GIT_COMMITTER_EMAIL: 'ralph@localhost' }

export type Git = ReturnType<typeof openGit>

/**
 * Git in one directory, with an environment that holds nothing but what git needs. With a marker, a git
 * that outlives a killed Ralph is ended by the next one before it touches the index.
 */
export function openGit(dir: string, path: string, marker?: string) {
  const call = async (args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
    const child = Bun.spawn(['git', ...SAFE, ...args], {
      cwd: dir,
      env: { PATH: path, LC_ALL: 'C.UTF-8', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', HOME: '/nonexistent', ...AUTHOR, ...(marker === undefined ? {} : { [MARKER]: marker }) },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    return { exitCode, stdout, stderr }
  }
  const must = async (args: readonly string[]): Promise<string> => {
    const done = await call(args)
    if (done.exitCode !== 0) throw new GitError(args, done.exitCode, done.stderr)
    return done.stdout
  }
  const may = async (args: readonly string[]): Promise<string | null> => {
    const done = await call(args)
    return done.exitCode === 0 ? done.stdout.trim() : null
  }
  let lock: string | null = null
  return {
    dir,
    call,
    /** @throws GitError */
    must,
    /** Trimmed output, or null when git exits with anything but 0. */
    may,
    head: () => may(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    /** The full id of a commit, or null when there is none of that name. */
    commit: (name: string) => may(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]),
    indexLock: async () => (lock ??= resolve(dir, (await must(['rev-parse', '--git-path', 'index.lock'])).trim())),
    /** The branch's ref, or null when HEAD is detached. */
    branch: () => may(['symbolic-ref', '--quiet', 'HEAD']),
  }
}

/**
 * Everything in the working tree that is not excluded as one tree id. The index is ours: what the
 * agent staged does not matter.
 */
export async function snapshot(git: Git): Promise<string> {
  // An agent that was killed in the middle of a git command leaves this; nobody else is at work here.
  await rm(await git.indexLock(), { force: true })
  // Exit code 1: some file cannot be read. The others are kept.
  const added = await git.call(['add', '--all', '--ignore-errors'])
  if (added.exitCode > 1) throw new GitError(['add', '--all'], added.exitCode, added.stderr)
  return (await git.must(['write-tree'])).trim()
}

/**
 * One commit of the working tree on top of `parent`; null when the tree is the parent's. The branch is
 * put back where it belongs first: whatever the agent committed, reset or checked out, our line has
 * exactly one commit an iteration.
 */
export async function commitWork(git: Git, line: { branch: string | null; parent: string }, message: string): Promise<{ commit: string | null; tree: string; head: string }> {
  const tree = await snapshot(git)
  const parentTree = (await git.must(['rev-parse', `${line.parent}^{tree}`])).trim()
  const commit = tree === parentTree ? null : (await git.must(['commit-tree', tree, '-p', line.parent, '-m', message])).trim()
  const head = commit ?? line.parent
  if (line.branch === null) {
    await git.must(['update-ref', '--no-deref', 'HEAD', head])
  } else {
    if ((await git.branch()) !== line.branch) await git.must(['symbolic-ref', 'HEAD', line.branch])
    await git.must(['update-ref', line.branch, head])
  }
  return { commit, tree, head }
}

/** A clean checkout of a commit in a directory of its own, taken away afterwards; by the next run if we are killed. */
export async function withWorktree<T>(git: Git, sha: string, key: string, use: (dir: string) => Promise<T>): Promise<T> {
  const parent = await makeTemporary('room', key)
  const dir = join(parent, roomName(key))
  try {
    await git.must(['worktree', 'add', '--detach', '--force', dir, sha])
    return await use(dir)
  } finally {
    // What cannot be removed (a module cache without write permission) must not end the run.
    await rm(parent, { recursive: true, force: true }).catch(() => undefined)
    // Our record alone: a prune would also take those of worktrees on a disk that is not there just now.
    await git.may(['worktree', 'remove', '--force', '--force', dir])
  }
}
