import type { Author } from '@factory/shared'

/** An issue as GitHub showed it at one moment. */
export type Issue = {
  /** `owner/name` as GitHub spells it. */
  repo: string
  number: number
  title: string
  body: string
  state: 'open' | 'closed'
  labels: string[]
  author: Author
  url: string
  updatedAt: string
}

export type Comment = { id: number; login: string; association: string; bot: boolean; body: string; createdAt: string }

/** What of GitHub's answers we use. */
type GithubUser = { login: string; type?: string | undefined } | null | undefined
export type GithubIssue = {
  number: number
  title: string
  body?: string | null | undefined
  state: string
  labels: (string | { name?: string | null | undefined })[]
  user: GithubUser
  author_association?: string | undefined
  html_url: string
  updated_at: string
  pull_request?: unknown
}
export type GithubComment = { id: number; user: GithubUser; author_association?: string | undefined; body?: string | undefined; created_at: string }

/** A deleted account; GitHub shows it under this name. */
const GHOST = 'ghost'

/** null: it is a pull request, which GitHub lists among the issues. */
export function readIssue(repo: string, from: GithubIssue): Issue | null {
  if (from.pull_request !== undefined && from.pull_request !== null) return null
  return {
    repo,
    number: from.number,
    title: from.title,
    body: from.body ?? '',
    state: from.state === 'open' ? 'open' : 'closed',
    labels: from.labels.map((label) => (typeof label === 'string' ? label : (label.name ?? ''))).filter(Boolean),
    author: { login: from.user?.login ?? GHOST, association: from.author_association ?? 'NONE' },
    url: from.html_url,
    updatedAt: from.updated_at,
  }
}

export function readComment(from: GithubComment): Comment {
  return {
    id: from.id,
    login: from.user?.login ?? GHOST,
    association: from.author_association ?? 'NONE',
    bot: from.user?.type === 'Bot',
    body: from.body ?? '',
    createdAt: from.created_at,
  }
}

/** How a work item names its issue: `owner/name#12`. */
export function sourceId(repo: string, number: number): string {
  return `${repo}#${number}`
}

export function readSourceId(id: string): { repo: string; number: number } | null {
  const match = /^([^#\s]+\/[^#\s]+)#(\d+)$/.exec(id)
  return match?.[1] && match[2] ? { repo: match[1], number: Number(match[2]) } : null
}
