import { explainGithubError, type Github } from '@factory/github'
import { moveBranch } from './github-forge-move.ts'
import { ForgeError, type CreatePullResult, type Forge, type ForgePull, type NewPull } from '../ports/forge.ts'

/** What of GitHub's pull request we use; list and single answers both have it. */
type GithubPull = {
  number: number
  html_url: string
  state: string
  merged_at: string | null
  draft?: boolean | undefined
  title: string
  body: string | null
  head: { ref: string; sha: string; repo: { full_name: string } | null }
  base: { ref: string }
}

/** The forge port over GitHub's REST API, and over git itself where that can do more. */
export function createGithubForge(github: Pick<Github, 'octokit' | 'refs' | 'now'>): Forge {
  const { rest } = github.octokit

  const toForgeError = (error: unknown): ForgeError => {
    if (error instanceof ForgeError) return error
    const { code, message, retryAt } = explainGithubError(error, github.now())
    return new ForgeError(code, message, { retryAt, cause: error })
  }

  const wrap = async <T>(load: () => Promise<T>): Promise<T> => {
    try {
      return await load()
    } catch (error) {
      throw toForgeError(error)
    }
  }

  /** A 404 below a repository says either "no such thing" or "no such repository": ask which. */
  const orNull = async <T>(repo: string, load: () => Promise<T>): Promise<T | null> => {
    try {
      return await load()
    } catch (error) {
      const { code, status, message } = explainGithubError(error)
      if (code === 'validation' && status === 409 && /empty/i.test(message)) return null
      if (code !== 'repository_not_found') throw toForgeError(error)
      await forge.repository(repo)
      return null
    }
  }

  const findOpen = async ({ repo, head, base }: NewPull): Promise<ForgePull | null> =>
    (await forge.findPulls(repo, head)).find((pull) => pull.state === 'open' && pull.baseBranch === base) ?? null

  const forge: Forge = {
    repository: (repo) =>
      wrap(async () => {
        const { data } = await rest.repos.get(split(repo))
        return {
          fullName: data.full_name,
          defaultBranch: data.default_branch,
          private: data.private,
          archived: data.archived,
          canPush: data.permissions?.push ?? null,
          url: data.html_url,
        }
      }),

    readFile: (repo, path, ref) =>
      orNull(repo, async () => {
        const { data } = await rest.repos.getContent({ ...split(repo), path, ...(ref === undefined ? {} : { ref }) })
        if (Array.isArray(data) || data.type !== 'file' || !('content' in data)) return null
        // Above 1 MB GitHub leaves the content out and says so by this encoding.
        if (data.encoding !== 'base64') throw new ForgeError('validation', `${path} is too large to read (${data.size} bytes)`)
        return Buffer.from(data.content, 'base64').toString('utf8')
      }),

    branchHead: (repo, branch) => orNull(repo, async () => (await rest.git.getRef({ ...split(repo), ref: `heads/${branch}` })).data.object.sha),

    moveBranch: (repo, branch, toSha, expected) => wrap(() => moveBranch(github.refs, { repo, branch, toSha, expected })),

    findPulls: (repo, headBranch) =>
      wrap(async () => {
        const { owner, repo: name } = split(repo)
        const { data } = await rest.pulls.list({ owner, repo: name, state: 'all', head: `${owner}:${headBranch}`, sort: 'created', direction: 'desc', per_page: 100 })
        // GitHub ignores a filter it does not understand, and lists forks of the same owner too.
        const pulls: GithubPull[] = data
        return pulls.filter((pull) => pull.head.ref === headBranch && pull.head.repo?.full_name.toLowerCase() === repo.toLowerCase()).map(readPull)
      }),

    createPull: (input) => openPull(input, input.draft ?? false),

    updatePull: (repo, number, change) => wrap(async () => readPull((await rest.pulls.update({ ...split(repo), pull_number: number, ...change })).data)),

    async deleteRef(repo, ref) {
      try {
        await rest.git.deleteRef({ ...split(repo), ref: ref.replace(/^refs\//, '') })
      } catch (error) {
        const problem = explainGithubError(error)
        if (problem.code === 'validation' && /does not exist/i.test(problem.message)) return
        if (problem.code !== 'repository_not_found') throw toForgeError(error)
        await forge.repository(repo)
      }
    },
  }

  const openPull = async (input: NewPull, draft: boolean): Promise<CreatePullResult> => {
    const { repo, head, base, title, body } = input
    try {
      const { data } = await rest.pulls.create({ ...split(repo), head, base, title, body, draft })
      return { kind: 'created', pull: readPull(data) }
    } catch (error) {
      const problem = toForgeError(error)
      if (draft && problem.code === 'validation' && /draft pull requests are not supported/i.test(problem.message)) return openPull(input, false)
      if (problem.code !== 'unreachable' && problem.code !== 'validation') throw problem
      const open = await findOpen(input)
      if (open) return { kind: 'exists', pull: open }
      if (/pull request already exists/i.test(problem.message)) throw new ForgeError('inconsistent', `${problem.message} It is not listed yet.`, { cause: error })
      throw problem.code === 'validation' ? nameRefusal(problem) : problem
    }
  }

  return forge
}

/** GitHub tells its reasons for a 422 in words only. */
function nameRefusal(problem: ForgeError): ForgeError {
  if (/no commits between/i.test(problem.message)) return new ForgeError('no_commits', problem.message, { cause: problem.cause })
  if (/"field":"(head|base)"[^}]*"code":"invalid"|"code":"invalid"[^}]*"field":"(head|base)"/i.test(problem.message)) return new ForgeError('branch_missing', problem.message, { cause: problem.cause })
  return problem
}

function readPull(pull: GithubPull): ForgePull {
  return {
    number: pull.number,
    url: pull.html_url,
    state: pull.state === 'open' ? 'open' : 'closed',
    merged: pull.merged_at !== null,
    draft: pull.draft ?? false,
    title: pull.title,
    body: pull.body ?? '',
    headBranch: pull.head.ref,
    headSha: pull.head.sha,
    baseBranch: pull.base.ref,
  }
}

function split(repo: string): { owner: string; repo: string } {
  const [owner = '', name = ''] = repo.split('/')
  return { owner, repo: name }
}
