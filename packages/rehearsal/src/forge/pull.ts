import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changedFiles, type ChangedFile } from './diff.ts'
import { ApiError, invalid } from './errors.ts'
import { commitOf, git, isAncestor, mergeBase, ROBOT, tryGit } from './git.ts'
import { draftIssue, tell } from './issue.ts'
import { markMerged, moveRef, pinPull } from './refs.ts'
import type { Issue, Pull, Repo, World } from './world.ts'

export type NewPull = { head: string; base: string; title: string; body?: string | null; draft?: boolean }
export type MergeMethod = 'merge' | 'squash' | 'rebase'

/** Opens a pull request. @throws ApiError 422, in GitHub's words, where GitHub refuses */
export async function openPull(world: World, repo: Repo, login: string, wanted: NewPull): Promise<Issue> {
  const [owner, ...rest] = wanted.head.includes(':') ? wanted.head.split(':') : [repo.owner, wanted.head]
  const head = rest.join(':')
  const headSha = owner?.toLowerCase() === repo.owner.toLowerCase() ? await commitOf(repo.dir, `refs/heads/${head}`) : null
  if (!headSha) throw invalid({ resource: 'PullRequest', field: 'head', code: 'invalid' })
  const baseSha = await commitOf(repo.dir, `refs/heads/${wanted.base}`)
  if (!baseSha) throw invalid({ resource: 'PullRequest', field: 'base', code: 'invalid' })
  if (await isAncestor(repo.dir, headSha, baseSha)) throw invalid({ resource: 'PullRequest', code: 'custom', message: `No commits between ${wanted.base} and ${head}` })
  if (!(await mergeBase(repo.dir, headSha, baseSha))) throw invalid({ resource: 'PullRequest', code: 'custom', message: `The ${head} branch has no history in common with ${wanted.base}` })
  // From here to the issue's birth nothing waits: two equal requests cannot both pass.
  const twin = [...repo.issues.values()].find((issue) => issue.state === 'open' && issue.pull?.head === head && issue.pull.base === wanted.base)
  if (twin) throw invalid({ resource: 'PullRequest', code: 'custom', message: `A pull request already exists for ${repo.owner}:${head}.` })
  const issue = draftIssue(world, repo, login, wanted)
  const pull: Pull = { head, headSha, base: wanted.base, baseSha, draft: wanted.draft ?? false, mergedAt: null, mergedBy: null, mergeCommit: null, reviews: [], lineComments: [] }
  issue.pull = pull
  await pinPull(repo, issue, pull)
  tell(world, repo, issue, login, 'opened')
  return issue
}

/** @throws ApiError 422 when the base is no branch */
export async function rebasePull(world: World, repo: Repo, issue: Issue, pull: Pull, login: string, base: string): Promise<void> {
  const baseSha = await commitOf(repo.dir, `refs/heads/${base}`)
  if (!baseSha) throw invalid({ resource: 'PullRequest', field: 'base', code: 'invalid' })
  const from = pull.base
  if (from === base) return
  pull.base = base
  pull.baseSha = baseSha
  tell(world, repo, issue, login, 'edited', { changes: { base: { ref: { from } } } })
}

export type PullFacts = { mergeable: boolean | null; commits: number; files: ChangedFile[]; from: string }

/** What git says about a pull request now (or said when it was merged). */
export async function pullFacts(repo: Repo, pull: Pull): Promise<PullFacts> {
  const base = pull.mergedAt ? pull.baseSha : ((await commitOf(repo.dir, `refs/heads/${pull.base}`)) ?? pull.baseSha)
  const from = (await mergeBase(repo.dir, base, pull.headSha)) ?? base
  const [files, count] = await Promise.all([changedFiles(repo.dir, from, pull.headSha), git(repo.dir, ['rev-list', '--count', `${from}..${pull.headSha}`])])
  return { mergeable: pull.mergedAt ? null : (await mergeTree(repo, base, pull.headSha)) !== null, commits: Number(count), files, from }
}

/** @throws ApiError 405 when it cannot be merged, 409 when the head or the base has moved */
export async function mergePull(world: World, repo: Repo, issue: Issue, pull: Pull, login: string, options: { sha?: string; method?: MergeMethod; title?: string; message?: string }): Promise<string> {
  if (issue.state !== 'open' || pull.draft) throw new ApiError(405, pull.draft ? 'Pull Request is still a draft' : 'Pull Request is not mergeable')
  if (options.sha !== undefined && options.sha !== pull.headSha) throw new ApiError(409, 'Head branch was modified. Review and try the merge again.')
  const base = await commitOf(repo.dir, `refs/heads/${pull.base}`)
  const tree = base && (await mergeTree(repo, base, pull.headSha))
  if (!base || !tree) throw new ApiError(405, 'Pull Request is not mergeable')
  const commit = await mergeCommit(world, repo, issue, pull, login, base, tree, options)
  const fork = await mergeBase(repo.dir, base, pull.headSha)
  if (!(await moveRef(world, repo, login, `refs/heads/${pull.base}`, base, commit))) throw new ApiError(409, 'Base branch was modified. Review and try the merge again.')
  // The comparison of a merged pull request stays what it was.
  pull.baseSha = fork ?? base
  markMerged(world, repo, issue, pull, login, commit)
  return commit
}

/** The tree of a clean merge, or null for a conflict. */
async function mergeTree(repo: Repo, base: string, head: string): Promise<string | null> {
  const { code, stdout } = await tryGit(repo.dir, ['merge-tree', '--write-tree', base, head])
  return code === 0 ? (stdout.split('\n')[0] ?? null) : null
}

async function mergeCommit(world: World, repo: Repo, issue: Issue, pull: Pull, login: string, base: string, tree: string, options: { method?: MergeMethod; title?: string; message?: string }): Promise<string> {
  const date = world.now().toISOString()
  const email = `${login}@users.noreply.example.com`
  const env = { ...ROBOT, GIT_AUTHOR_NAME: login, GIT_AUTHOR_EMAIL: email, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }
  const commit = (parents: readonly string[], title: string, message: string) => git(repo.dir, ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], { env, input: `${title}\n\n${message}`.trim() })
  switch (options.method ?? 'merge') {
    case 'squash':
      return commit([base], options.title ?? `${issue.title} (#${issue.number})`, options.message ?? '')
    case 'merge':
      return commit([base, pull.headSha], options.title ?? `Merge pull request #${issue.number} from ${repo.owner}/${pull.head}`, options.message ?? issue.title)
    case 'rebase':
      return replay(repo, base, pull.headSha, env)
  }
}

/** A rebase needs a working tree; this one lives as long as the rebase. */
async function replay(repo: Repo, base: string, head: string, env: Record<string, string>): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'rehearsal-rebase-'))
  try {
    await git(repo.dir, ['worktree', 'add', '--quiet', '--detach', tree, head])
    if ((await tryGit(tree, ['rebase', '--quiet', base], { env })).code !== 0) throw new ApiError(405, 'This branch can not be rebased due to conflicts')
    return await git(tree, ['rev-parse', 'HEAD'])
  } finally {
    await tryGit(repo.dir, ['worktree', 'remove', '--force', tree])
    await rm(tree, { recursive: true, force: true })
  }
}
