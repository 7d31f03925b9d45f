import { explainGithubError, type Github } from '@factory/github'
import { parseFactoryYml, renderFactoryYmlProblems, type Priority } from '@factory/shared'
import { readComment, readIssue, type Comment, type GithubComment, type GithubIssue, type Issue } from '../issues/issue.ts'
import { createConditional } from './conditional.ts'

/** Pages of 100: more than 10,000 issues with one label are not a backlog. */
const MAX_PAGES = 100

/** What a repository's own `.factory.yml` says about its labels. */
export type LabelRules = { triggers: string[]; priorities: Record<string, Priority>; problem: string | null }

export type Reader = ReturnType<typeof createReader>

/** What intake reads on GitHub. Repositories are `owner/name` as GitHub spells them. */
export function createReader({ octokit }: Pick<Github, 'octokit'>) {
  const { rest } = octokit
  const lists = createConditional<GithubIssue[]>()
  const issues = createConditional<GithubIssue>()
  const names = createConditional<string>()
  const files = createConditional<string | null>()

  const rules = new Map<string, LabelRules>()

  const loadRules = async (repo: string): Promise<LabelRules> => {
    try {
      const { data } = await files.get(repo, async (headers) => {
        const { data, headers: got } = await rest.repos.getContent({ ...split(repo), path: '.factory.yml', headers })
        return { data: !Array.isArray(data) && data.type === 'file' && 'content' in data ? Buffer.from(data.content, 'base64').toString('utf8') : null, headers: got }
      })
      return data === null ? NO_RULES : readRules(data)
    } catch (error) {
      const { code, message } = explainGithubError(error)
      if (code === 'repository_not_found') return NO_RULES
      // Issues can be watched without the right to read files.
      if (code === 'repository_forbidden') return { ...NO_RULES, problem: `.factory.yml: ${message}` }
      throw error
    }
  }

  const reader = {
    /** The repository's name as GitHub spells it now: renames and capitals must not make two items of one issue. */
    async canonicalName(repo: string): Promise<string> {
      const answer = await names.get(repo, async (headers) => {
        const { data, headers: got } = await rest.repos.get({ ...split(repo), headers })
        return { data: data.full_name, headers: got }
      })
      return answer.data
    },

    /** All open issues with the label, oldest first, without pull requests. `fresh`: did any page change? */
    async openIssues(repo: string, label: string): Promise<{ issues: Issue[]; fresh: boolean }> {
      const found: GithubIssue[] = []
      let fresh = false
      // Pages are counted: GitHub's "next" links name repositories by number, which an App's token cannot be found for.
      for (let page = 1; page <= MAX_PAGES; page++) {
        const answer = await lists.get(`${repo}\n${label}\n${page}`, (headers) =>
          rest.issues.listForRepo({ ...split(repo), labels: label, state: 'open', sort: 'created', direction: 'asc', per_page: 100, page, headers }),
        )
        found.push(...answer.data)
        fresh ||= answer.fresh
        if (!answer.hasNext) break
      }
      return { issues: found.flatMap((issue) => readIssue(repo, issue) ?? []), fresh }
    },

    /** null: there is no such issue (any more), it was moved, or it is a pull request. */
    async issue(repo: string, number: number): Promise<Issue | null> {
      try {
        const { data } = await issues.get(`${repo}#${number}`, (headers) => rest.issues.get({ ...split(repo), issue_number: number, headers }))
        // GitHub redirects from an issue that was moved to another repository to the one it became there.
        return data.number === number ? readIssue(repo, data) : null
      } catch (error) {
        if (explainGithubError(error).code !== 'repository_not_found') throw error
        // A hidden repository answers 404 as well, and that must not cancel anybody's work.
        await rest.repos.get(split(repo))
        return null
      }
    },

    /** Comments from a time on (ISO), or all; oldest first. */
    async comments(repo: string, number: number, since?: string): Promise<Comment[]> {
      const found: GithubComment[] = []
      for (let page = 1; page <= MAX_PAGES; page++) {
        const { data } = await rest.issues.listComments({ ...split(repo), issue_number: number, per_page: 100, page, ...(since ? { since } : {}) })
        found.push(...data)
        if (data.length < 100) break
      }
      return found.map(readComment)
    },

    /** null: there is no such comment (any more). */
    async comment(repo: string, id: number): Promise<Comment | null> {
      try {
        return readComment((await rest.issues.getComment({ ...split(repo), comment_id: id })).data)
      } catch (error) {
        if (explainGithubError(error).code === 'repository_not_found') return null
        throw error
      }
    },

    /** Who put one of these labels on last, or null when GitHub does not say. */
    async labeller(repo: string, number: number, labels: readonly string[]): Promise<{ login: string; bot: boolean } | null> {
      const wanted = labels.map((label) => label.toLowerCase())
      let last: { login: string; bot: boolean } | null = null
      for (let page = 1; page <= MAX_PAGES; page++) {
        const { data } = await rest.issues.listEvents({ ...split(repo), issue_number: number, per_page: 100, page })
        for (const event of data) {
          if (event.event !== 'labeled' || !('label' in event) || !event.actor) continue
          if (wanted.includes((event.label?.name ?? '').toLowerCase())) last = { login: event.actor.login, bot: event.actor.type === 'Bot' }
        }
        if (data.length < 100) break
      }
      return last
    },

    /** The rules as last read, at most one poll ago: reports and deliveries need not ask each time. */
    async labelRules(repo: string): Promise<LabelRules> {
      return rules.get(repo) ?? reader.readLabelRules(repo)
    },

    /** From the default branch only. A file that cannot be read has no rules, and says why. */
    async readLabelRules(repo: string): Promise<LabelRules> {
      const found = await loadRules(repo)
      rules.set(repo, found)
      return found
    },
  }
  return reader
}

const NO_RULES: LabelRules = { triggers: [], priorities: {}, problem: null }

function readRules(text: string): LabelRules {
  const parsed = parseFactoryYml(text)
  if (!parsed.ok) return { ...NO_RULES, problem: renderFactoryYmlProblems(parsed.problems) }
  return { triggers: parsed.config.labels?.trigger ?? [], priorities: parsed.config.labels?.priority ?? {}, problem: null }
}

export function split(repo: string): { owner: string; repo: string } {
  const [owner = '', name = ''] = repo.split('/')
  return { owner, repo: name }
}
