export type Access = 'none' | 'read' | 'write'
export const PERMISSIONS = ['contents', 'issues', 'pull_requests'] as const
export type Permission = (typeof PERMISSIONS)[number]

/** A personal access token that the forge accepts. */
export type Token = {
  token: string
  login: string
  /** Like a fine-grained token's; what is not named is `write`. */
  permissions?: Partial<Record<Permission, Access>>
  /** `owner/name` of the repositories it covers; nothing: all. It can read every public one besides. */
  repos?: readonly string[]
  /** Shown in `X-OAuth-Scopes`, as for a classic token. */
  scopes?: readonly string[]
  /** Issued to an installation of a GitHub App. */
  app?: boolean
  expiresAt?: Date
}

/** A GitHub App that is installed wherever `repos` says (nothing: everywhere). */
export type App = {
  /** The number people put into GITHUB_APP_ID. */
  id: string
  slug: string
  /** PEM of the public half of its key. */
  publicKey: string
  repos?: readonly string[]
}

export type Label = { id: number; name: string; color: string; description: string | null; default: boolean }
export type Comment = { id: number; body: string; login: string; association: string; createdAt: Date; updatedAt: Date }
export type Review = { id: number; login: string; association: string; body: string; state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED'; commit: string; submittedAt: Date }
export type LineComment = Comment & { path: string; line: number | null; commit: string }
export type IssueEvent = { id: number; event: string; login: string; createdAt: Date; label?: string; commit?: string }

export type Pull = {
  head: string
  headSha: string
  base: string
  baseSha: string
  draft: boolean
  mergedAt: Date | null
  mergedBy: string | null
  mergeCommit: string | null
  reviews: Review[]
  lineComments: LineComment[]
}

/** An issue, or (with `pull`) a pull request: they share numbers, comments and labels. */
export type Issue = {
  id: number
  number: number
  title: string
  body: string | null
  login: string
  association: string
  state: 'open' | 'closed'
  stateReason: 'completed' | 'not_planned' | 'reopened' | null
  closedBy: string | null
  /** Names, as the repository's label spells them. */
  labels: string[]
  assignees: string[]
  createdAt: Date
  updatedAt: Date
  closedAt: Date | null
  comments: Comment[]
  events: IssueEvent[]
  pull: Pull | null
}

export type Repo = {
  id: number
  owner: string
  name: string
  description: string | null
  private: boolean
  archived: boolean
  defaultBranch: string
  /** The bare repository. */
  dir: string
  createdAt: Date
  updatedAt: Date
  pushedAt: Date
  labels: Map<string, Label>
  issues: Map<number, Issue>
  nextNumber: number
  /** Every ref as last seen: what differs from it has been pushed. */
  refs: Map<string, string>
  /** Work on refs of one repository is done one after the other. */
  queue: Promise<unknown>
}

/** Something that GitHub tells by webhook. `payload` lacks what every delivery has. */
export type Happening = { event: 'issues' | 'issue_comment' | 'pull_request' | 'pull_request_review' | 'push'; action: string | null; repo: Repo; login: string; payload: Record<string, unknown> }

/** All state of a forge but the git objects. */
export type World = {
  repos: Map<string, Repo>
  /** Grows by those issued to Apps. */
  tokens: Token[]
  apps: readonly App[]
  /** What a login is to every repository it does not own; nothing: COLLABORATOR with a token, NONE without. */
  associations: Readonly<Record<string, string>>
  dataDir: string
  now(): Date
  nextId(): number
  /** Where people find the forge, without a slash at the end. */
  publicUrl(): string
  emit(happening: Happening): void
}

/** Keys are lower-case: GitHub finds `Owner/Name` under any spelling. */
export const repoKey = (owner: string, name: string): string => `${owner}/${name}`.toLowerCase()
export const fullName = (repo: Repo): string => `${repo.owner}/${repo.name}`

export function findRepo(world: World, name: string): Repo {
  const repo = world.repos.get(name.toLowerCase())
  if (!repo) throw new Error(`the rehearsal forge has no repository ${name}; it has ${[...world.repos.values()].map(fullName).join(', ') || 'none'}`)
  return repo
}

export function associationOf(world: World, repo: Repo, login: string): string {
  if (login.toLowerCase() === repo.owner.toLowerCase()) return 'OWNER'
  return world.associations[login] ?? (world.tokens.some((token) => token.login === login) ? 'COLLABORATOR' : 'NONE')
}

/** Runs `work` after everything that was queued for the repository before. */
export function inTurn<T>(repo: Repo, work: () => Promise<T>): Promise<T> {
  const mine = repo.queue.then(work, work)
  repo.queue = mine.catch(() => undefined)
  return mine
}
