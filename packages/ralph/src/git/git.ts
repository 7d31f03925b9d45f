import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { removeTree } from '../files.ts'
import type { HeldBack } from './held-back.ts'
import { filterNames, settingsEnv, withoutFilters, type Setting } from './settings.ts'
import { stage, unstageHeldBack } from './stage.ts'
import { furnish } from './furnish.ts'
import { quitUnfinished } from './unfinished.ts'
import { makeTemporary, roomName } from '../process/leftovers.ts'

/** git said no. The message has the command and what git wrote. */
class GitError extends Error {
  readonly exitCode: number

  constructor(args: readonly string[], exitCode: number, stderr: string) {
    super(`git ${args.slice(0, 3).join(' ')} failed (${exitCode}): ${stderr.trim().slice(0, 2000)}`)
    this.name = 'GitError'
    this.exitCode = exitCode
  }
}

const AUTHOR = { GIT_AUTHOR_NAME: 'Ralph', GIT_AUTHOR_EMAIL: 'ralph@localhost', GIT_COMMITTER_NAME: 'Ralph', GIT_COMMITTER_EMAIL: 'ralph@localhost' }

/**
 * No program, no network, no other person's settings. Replaced objects and grafts would show us another
 * commit than the one that is pushed.
 */
const ENVIRONMENT = {
  LC_ALL: 'C.UTF-8',
  HOME: '/nonexistent',
  GIT_TERMINAL_PROMPT: '0',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_GRAFT_FILE: '/dev/null',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  ...AUTHOR,
}

/**
 * Calls that never look at the content of a file in the tree. All others could pass it through a filter,
 * also those that only write the index: an entry as young as the index is compared with its file.
 */
const BLIND = new Set(['cat-file', 'check-attr', 'commit-tree', 'config', 'for-each-ref', 'ls-files', 'ls-tree', 'merge-base', 'rev-parse', 'symbolic-ref', 'update-ref'])

/** More output than any call of ours has a use for: a repository must not fill our memory. */
const MOST_OUTPUT = 64 * 1024 * 1024

export type GitOptions = {
  /** Found once: what the agent makes of `.git`, `core.worktree` or `core.bare` later changes nothing. */
  gitDir?: string
  /** See `KEPT` in git/settings.ts. */
  settings?: readonly Setting[]
  /** Paths from the root, as bytes in latin1, that are never committed: Ralph's own files. */
  hidden?: readonly string[]
  /** Where in the checkout Ralph was started, from its root; '' at the root. */
  prefix?: string
  /** An index of its own, so that the checkout's is left alone. */
  index?: string
  /** The filter drivers of the moment, see {@link Git.settled}. */
  drivers?: readonly string[]
  /** Further environment. */
  env?: Readonly<Record<string, string>>
}

type Called = { exitCode: number; stdout: string; stderr: string }
type CallOptions = {
  /** Bytes in latin1. */
  stdin?: string
  /** Output as bytes in latin1: for paths, which need not be UTF-8. */
  bytes?: boolean
}

export type Git = {
  dir: string
  options: GitOptions
  call: (args: readonly string[], given?: CallOptions) => Promise<Called>
  /** @throws GitError */
  must: (args: readonly string[], given?: CallOptions) => Promise<string>
  /** Trimmed output, or null when git exits with anything but 0. */
  may: (args: readonly string[]) => Promise<string | null>
  /** Entries of a list that ends each with NUL, as bytes in latin1. @throws GitError */
  list: (args: readonly string[], stdin?: string) => Promise<string[]>
  head: () => Promise<string | null>
  /** The full id of a commit, or null when there is none of that name. */
  commit: (name: string) => Promise<string | null>
  indexLock: () => Promise<string>
  /** The branch's ref, or null when HEAD is detached. */
  branch: () => Promise<string | null>
  /** The same checkout with other options. */
  with: (more: GitOptions) => Git
  /** The same, with its filter drivers looked up once: for a row of calls during which nobody else is at work. */
  settled: () => Promise<Git>
  /** Another checkout by the same rules. */
  at: (other: string, more?: GitOptions) => Git
}

/** Git in one directory, with an environment that holds nothing but what git needs. */
export function openGit(dir: string, path: string, options: GitOptions = {}): Git {
  const place = { ...(options.gitDir === undefined ? {} : { GIT_DIR: options.gitDir, GIT_WORK_TREE: dir }), ...(options.index === undefined ? {} : { GIT_INDEX_FILE: options.index }) }
  const start = async (args: readonly string[], more: readonly Setting[], given: CallOptions): Promise<Called> => {
    // Bun throws where the directory is gone, which a check can bring about; to git that is an error like any other.
    if (!existsSync(dir)) return { exitCode: 128, stdout: '', stderr: `there is no directory ${dir}` }
    const child = Bun.spawn(['git', ...args], {
      cwd: dir,
      env: { PATH: path, ...ENVIRONMENT, ...options.env, ...place, ...settingsEnv(args[0] ?? '', [...(options.settings ?? []), ...more]) },
      stdin: given.stdin === undefined ? 'ignore' : Buffer.from(given.stdin, 'latin1'),
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr, exitCode] = await Promise.all([collect(child.stdout), collect(child.stderr), child.exited])
    if (stdout === null || stderr === null) throw new GitError(args, exitCode, `more than ${MOST_OUTPUT / 1024 / 1024} MiB of output`)
    return { exitCode, stdout: stdout.toString(given.bytes ? 'latin1' : 'utf8'), stderr: stderr.toString('utf8') }
  }
  const drivers = async (): Promise<readonly string[]> => options.drivers ?? filterNames((await start(['config', '-z', '--name-only', '--get-regexp', '^filter\\.'], [], {})).stdout)
  const call = async (args: readonly string[], given: CallOptions = {}): Promise<Called> => {
    return start(args, BLIND.has(args[0] ?? '') ? [] : withoutFilters(await drivers()), given)
  }
  const must = async (args: readonly string[], given: CallOptions = {}): Promise<string> => {
    const done = await call(args, given)
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
    options,
    call,
    must,
    may,
    list: async (args, stdin) => (await must(args, { bytes: true, ...(stdin === undefined ? {} : { stdin }) })).split('\0').filter(Boolean),
    head: () => may(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    commit: (name) => may(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]),
    indexLock: async () => (lock ??= resolve(dir, (await must(['rev-parse', '--git-path', 'index.lock'])).trim())),
    branch: () => may(['symbolic-ref', '--quiet', 'HEAD']),
    settled: async () => openGit(dir, path, { ...options, drivers: await drivers() }),
    with: (more) => openGit(dir, path, { ...options, ...more }),
    at: (other, more = {}) => openGit(other, path, { ...(options.env === undefined ? {} : { env: options.env }), ...more }),
  }
}

/** All bytes of a stream, or null when it is too much; it is read to its end even so. */
async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.byteLength
    if (size > MOST_OUTPUT) chunks.length = 0
    else chunks.push(chunk)
  }
  return size > MOST_OUTPUT ? null : Buffer.concat(chunks)
}

export type Snapshot = { tree: string; heldBack: HeldBack[] }

/**
 * Everything in the working tree that is not ignored as one tree id; what may not be committed stands in
 * it as in `parent`. The index is ours: what the agent staged, or marked as unmerged, does not matter.
 */
export async function snapshot(given: Git, parent: string): Promise<Snapshot> {
  const git = await given.settled()
  // An agent that was killed in the middle of a git command leaves this; nobody else is at work here.
  if (git.options.index === undefined) await rm(await git.indexLock(), { force: true })
  const found = await stage(git)
  const staged = await unstageHeldBack(git, parent)
  return { tree: (await git.must(['write-tree'])).trim(), heldBack: [...found, ...staged] }
}

export type Kept = Snapshot & {
  /** null when the tree is the parent's. */
  commit: string | null
  head: string
}

/**
 * One commit of the working tree on top of `parent`; null when the tree is the parent's. The branch is
 * put back where it belongs first: whatever the agent committed, reset or checked out, our line has
 * exactly one commit an iteration. A merge or rebase it left open is forgotten, its files are kept.
 */
export async function commitWork(git: Git, line: { branch: string | null; parent: string }, message: string): Promise<Kept> {
  const made = await snapshot(git, line.parent)
  const commit = await commitTree(git, made.tree, line.parent, message)
  const head = commit ?? line.parent
  await quitUnfinished(git)
  await standAt(git, line.branch, head)
  return { ...made, commit, head }
}

/** Makes `head` the commit of the branch (null: of a detached HEAD), and that what is checked out; files and index as they are. */
async function standAt(git: Git, branch: string | null, head: string): Promise<void> {
  if (branch === null) return void (await git.must(['update-ref', '--no-deref', 'HEAD', head]))
  if ((await git.branch()) !== branch) await git.must(['symbolic-ref', 'HEAD', branch])
  await git.must(['update-ref', branch, head])
}

async function commitTree(git: Git, tree: string, parent: string, message: string): Promise<string | null> {
  const parentTree = (await git.must(['rev-parse', `${parent}^{tree}`])).trim()
  return tree === parentTree ? null : (await git.must(['commit-tree', tree, '-p', parent, '-m', message])).trim()
}

/**
 * Saves what lies in the tree before the work begins. A file that was staged and then changed again has
 * two states worth keeping: then what was staged gets a commit of its own in front.
 */
export async function saveFound(git: Git, line: { branch: string | null; parent: string }, message: string): Promise<Kept> {
  await rm(await git.indexLock(), { force: true })
  // Its paths that may not be committed are found again below.
  await unstageHeldBack(git, line.parent)
  const staged = await git.may(['write-tree'])
  const { tree } = await snapshot(git, line.parent)
  const between = (from: string, to: string): Promise<string[]> => git.list(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to, '--'])
  const first = staged === null ? [] : await between(line.parent, staged)
  const again = staged === null || first.length === 0 ? [] : await between(staged, tree)
  const twice = new Set(again)
  const stagedCommit = staged !== null && first.some((path) => twice.has(path)) ? await commitTree(git, staged, line.parent, `${message}: what was staged`) : null
  return commitWork(git, { ...line, parent: stagedCommit ?? line.parent }, message)
}

/** A check can find its way back to the checkout: where its branch stands is ours to say. */
async function keepLine<T>(git: Git, use: () => Promise<T>): Promise<T> {
  const [branch, head] = await Promise.all([git.branch(), git.head()])
  try {
    return await use()
  } finally {
    if (head !== null && ((await git.branch()) !== branch || (await git.head()) !== head)) await standAt(git, branch, head)
  }
}

/** A clean checkout of a commit in a directory of its own, taken away afterwards; by the next run if we are killed. */
export async function withWorktree<T>(git: Git, sha: string, key: string, use: (dir: string) => Promise<T>): Promise<T> {
  const parent = await makeTemporary('room', key)
  const dir = join(parent, roomName(key))
  try {
    await git.must(['worktree', 'add', '--detach', '--force', dir, sha])
    return await keepLine(git, async () => use(await furnish(git, sha, dir)))
  } finally {
    // What cannot be removed must not end the run.
    await removeTree(parent)
    // Our record alone: a prune would also take those of worktrees on a disk that is not there just now.
    await git.may(['worktree', 'remove', '--force', '--force', dir])
  }
}
