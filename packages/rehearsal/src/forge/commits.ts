import { git } from './git.ts'
import { fullName, type Repo, type World } from './world.ts'
import { API_PATH } from './payloads.ts'

export type Commit = { sha: string; tree: string; parents: string[]; author: Person; committer: Person; message: string }
type Person = { name: string; email: string; date: string }

const FORMAT = ['%H', '%T', '%P', '%an', '%ae', '%aI', '%cn', '%ce', '%cI', '%B'].join('%x00')

/** Commits of a range or below a commit, newest first. */
export async function listCommits(dir: string, args: readonly string[]): Promise<Commit[]> {
  const text = await git(dir, ['log', '-z', `--format=${FORMAT}%x01`, ...args])
  return text
    .split('\x01')
    .map((entry) => entry.replace(/^\0/, ''))
    .filter(Boolean)
    .map((entry) => {
      const [sha = '', tree = '', parents = '', an = '', ae = '', ad = '', cn = '', ce = '', cd = '', message = ''] = entry.split('\0')
      return { sha, tree, parents: parents.split(' ').filter(Boolean), author: { name: an, email: ae, date: ad }, committer: { name: cn, email: ce, date: cd }, message: message.trimEnd() }
    })
}

export function commitPayload(world: World, repo: Repo, commit: Commit) {
  const url = `${world.publicUrl()}${API_PATH}/repos/${fullName(repo)}`
  return {
    sha: commit.sha,
    url: `${url}/commits/${commit.sha}`,
    html_url: `${world.publicUrl()}/${fullName(repo)}/commit/${commit.sha}`,
    commit: { message: commit.message, author: commit.author, committer: commit.committer, tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` } },
    author: null,
    committer: null,
    parents: commit.parents.map((sha) => ({ sha, url: `${url}/commits/${sha}` })),
  }
}
