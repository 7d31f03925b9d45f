import { listCommits } from './commits.ts'
import { git, isAncestor, listRefs, tryGit } from './git.ts'
import { setState, tell, touch } from './issue.ts'
import { inTurn, type Issue, type Pull, type Repo, type World } from './world.ts'

const NOTHING = '0'.repeat(40)

type Change = { ref: string; before: string | null; after: string | null }

/** Moves a ref, if it still stands on `before`; null creates or deletes. False: somebody was faster. */
export async function moveRef(world: World, repo: Repo, login: string, ref: string, before: string | null, after: string | null): Promise<boolean> {
  const args = after === null ? ['-d', ref, before ?? NOTHING] : [ref, after, before ?? NOTHING]
  const { code } = await tryGit(repo.dir, ['update-ref', ...args])
  if (code === 0) await noticeRefs(world, repo, login)
  return code === 0
}

/**
 * Compares the repository's refs with those last seen and does what a push entails: webhooks,
 * pull requests that follow their branch, are merged by it or lose it.
 */
export function noticeRefs(world: World, repo: Repo, login: string): Promise<void> {
  return inTurn(repo, async () => {
    const seen = repo.refs
    const current = await listRefs(repo.dir)
    repo.refs = current
    const changes = [...new Set([...seen.keys(), ...current.keys()])]
      .map((ref): Change => ({ ref, before: seen.get(ref) ?? null, after: current.get(ref) ?? null }))
      .filter(({ before, after }) => before !== after)
    for (const change of changes) {
      if (!/^refs\/(heads|tags)\//.test(change.ref)) continue
      repo.pushedAt = world.now()
      await tellPush(world, repo, login, change)
      if (change.ref.startsWith('refs/heads/')) await followBranch(world, repo, login, change.ref.slice('refs/heads/'.length), change.after)
    }
  })
}

async function followBranch(world: World, repo: Repo, login: string, branch: string, after: string | null): Promise<void> {
  for (const issue of repo.issues.values()) {
    const { pull } = issue
    if (!pull || issue.state !== 'open') continue
    if (pull.head === branch) {
      if (after === null) {
        setState(world, repo, issue, login, 'closed')
        continue
      }
      const before = pull.headSha
      pull.headSha = after
      await pinPull(repo, issue, pull)
      touch(world, issue)
      tell(world, repo, issue, login, 'synchronize', { before, after })
    }
    // Whatever brought its commits into the base has merged it.
    if (pull.base === branch && after !== null && (await isAncestor(repo.dir, pull.headSha, after))) markMerged(world, repo, issue, pull, login, after)
  }
}

/** `refs/pull/N/head`, as GitHub has it. */
export async function pinPull(repo: Repo, issue: Issue, pull: Pull): Promise<void> {
  const ref = `refs/pull/${issue.number}/head`
  await git(repo.dir, ['update-ref', ref, pull.headSha])
  repo.refs.set(ref, pull.headSha)
}

export function markMerged(world: World, repo: Repo, issue: Issue, pull: Pull, login: string, commit: string): void {
  if (pull.mergedAt) return
  pull.mergedAt = world.now()
  pull.mergedBy = login
  pull.mergeCommit = commit
  issue.events.push({ id: world.nextId(), event: 'merged', login, createdAt: world.now(), commit })
  setState(world, repo, issue, login, 'closed')
  if (pull.base !== repo.defaultBranch) return
  for (const number of closedBy(issue.body ?? '')) {
    const named = repo.issues.get(number)
    if (named && !named.pull) setState(world, repo, named, login, 'closed', 'completed')
  }
}

/** Numbers after GitHub's closing words: "Closes #3", "fixed: #4". */
function closedBy(text: string): number[] {
  return [...text.matchAll(/\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b/gi)].map((found) => Number(found[1]))
}

async function tellPush(world: World, repo: Repo, login: string, { ref, before, after }: Change): Promise<void> {
  const forced = before !== null && after !== null && !(await isAncestor(repo.dir, before, after))
  const range = after === null ? null : before === null || forced ? ['-1', after] : ['-20', `${before}..${after}`]
  const commits = range && ref.startsWith('refs/heads/') ? (await listCommits(repo.dir, range)).reverse() : []
  const shown = commits.map((commit) => ({ id: commit.sha, tree_id: commit.tree, message: commit.message, timestamp: commit.committer.date, author: commit.author, committer: commit.committer }))
  world.emit({
    event: 'push',
    action: null,
    repo,
    login,
    payload: { ref, before: before ?? NOTHING, after: after ?? NOTHING, created: before === null, deleted: after === null, forced, base_ref: null, commits: shown, head_commit: shown.at(-1) ?? null, pusher: { name: login, email: null } },
  })
}
