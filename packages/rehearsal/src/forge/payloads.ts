import { fullName, type Comment, type Issue, type IssueEvent, type Label, type LineComment, type Pull, type Repo, type Review, type World } from './world.ts'

/** GitHub's JSON for each thing: the fields that clients read, under GitHub's names. */

const time = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

/** The address of the REST API below the public one; as on GitHub Enterprise. */
export const API_PATH = '/api/v3'

const apiOf = (world: World, repo: Repo): string => `${world.publicUrl()}${API_PATH}/repos/${fullName(repo)}`
const webOf = (world: World, repo: Repo): string => `${world.publicUrl()}/${fullName(repo)}`
const issueUrl = (world: World, repo: Repo, issue: Issue): string => `${webOf(world, repo)}/${issue.pull ? 'pull' : 'issues'}/${issue.number}`

export function userPayload(world: World, login: string) {
  return {
    login,
    // Stable for a name, whatever order names turn up in.
    id: Bun.hash.crc32(login),
    node_id: Buffer.from(`User:${login}`).toString('base64'),
    avatar_url: '',
    url: `${world.publicUrl()}${API_PATH}/users/${encodeURIComponent(login)}`,
    html_url: `${world.publicUrl()}/${encodeURIComponent(login)}`,
    type: login.endsWith('[bot]') ? 'Bot' : 'User',
    site_admin: false,
  }
}

export function repoPayload(world: World, repo: Repo) {
  return {
    id: repo.id,
    node_id: Buffer.from(`Repository:${repo.id}`).toString('base64'),
    name: repo.name,
    full_name: fullName(repo),
    private: repo.private,
    visibility: repo.private ? 'private' : 'public',
    owner: userPayload(world, repo.owner),
    html_url: webOf(world, repo),
    description: repo.description,
    fork: false,
    url: apiOf(world, repo),
    clone_url: `${webOf(world, repo)}.git`,
    default_branch: repo.defaultBranch,
    archived: repo.archived,
    disabled: false,
    has_issues: true,
    open_issues_count: [...repo.issues.values()].filter((issue) => issue.state === 'open').length,
    allow_merge_commit: true,
    allow_squash_merge: true,
    allow_rebase_merge: true,
    created_at: time(repo.createdAt),
    updated_at: time(repo.updatedAt),
    pushed_at: time(repo.pushedAt),
  }
}

export function labelPayload(world: World, repo: Repo, label: Label) {
  return { id: label.id, node_id: `L_${label.id}`, url: `${apiOf(world, repo)}/labels/${encodeURIComponent(label.name)}`, name: label.name, color: label.color, default: label.default, description: label.description }
}

export function issueLabels(world: World, repo: Repo, issue: Issue) {
  return issue.labels.flatMap((name) => {
    const label = repo.labels.get(name.toLowerCase())
    return label ? [labelPayload(world, repo, label)] : []
  })
}

export function issuePayload(world: World, repo: Repo, issue: Issue) {
  const url = `${apiOf(world, repo)}/issues/${issue.number}`
  const web = issueUrl(world, repo, issue)
  return {
    id: issue.id,
    node_id: `I_${issue.id}`,
    number: issue.number,
    url,
    repository_url: apiOf(world, repo),
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: web,
    title: issue.title,
    body: issue.body,
    user: userPayload(world, issue.login),
    author_association: issue.association,
    state: issue.state,
    state_reason: issue.stateReason,
    locked: false,
    labels: issueLabels(world, repo, issue),
    assignee: issue.assignees[0] === undefined ? null : userPayload(world, issue.assignees[0]),
    assignees: issue.assignees.map((login) => userPayload(world, login)),
    milestone: null,
    comments: issue.comments.length,
    created_at: time(issue.createdAt),
    updated_at: time(issue.updatedAt),
    closed_at: issue.closedAt ? time(issue.closedAt) : null,
    closed_by: issue.closedBy === null ? null : userPayload(world, issue.closedBy),
    ...(issue.pull ? { draft: issue.pull.draft, pull_request: { url: `${apiOf(world, repo)}/pulls/${issue.number}`, html_url: web, diff_url: `${web}.diff`, patch_url: `${web}.patch`, merged_at: issue.pull.mergedAt ? time(issue.pull.mergedAt) : null } } : {}),
  }
}

export function commentPayload(world: World, repo: Repo, issue: Issue, comment: Comment) {
  return {
    id: comment.id,
    node_id: `IC_${comment.id}`,
    url: `${apiOf(world, repo)}/issues/comments/${comment.id}`,
    html_url: `${issueUrl(world, repo, issue)}#issuecomment-${comment.id}`,
    issue_url: `${apiOf(world, repo)}/issues/${issue.number}`,
    body: comment.body,
    user: userPayload(world, comment.login),
    author_association: comment.association,
    created_at: time(comment.createdAt),
    updated_at: time(comment.updatedAt),
  }
}

/** What a pull request says in lists and webhooks; a single GET adds what git has to compute. */
export function pullPayload(world: World, repo: Repo, issue: Issue, pull: Pull) {
  const side = (ref: string, sha: string) => ({ label: `${repo.owner}:${ref}`, ref, sha, user: userPayload(world, repo.owner), repo: repoPayload(world, repo) })
  const { id, number, title, body, state } = issue
  const web = issueUrl(world, repo, issue)
  return {
    id,
    node_id: `PR_${id}`,
    number,
    url: `${apiOf(world, repo)}/pulls/${number}`,
    html_url: web,
    diff_url: `${web}.diff`,
    patch_url: `${web}.patch`,
    issue_url: `${apiOf(world, repo)}/issues/${number}`,
    commits_url: `${apiOf(world, repo)}/pulls/${number}/commits`,
    comments_url: `${apiOf(world, repo)}/issues/${number}/comments`,
    review_comments_url: `${apiOf(world, repo)}/pulls/${number}/comments`,
    statuses_url: `${apiOf(world, repo)}/statuses/${pull.headSha}`,
    state,
    locked: false,
    title,
    body,
    user: userPayload(world, issue.login),
    author_association: issue.association,
    labels: issueLabels(world, repo, issue),
    assignees: issue.assignees.map((login) => userPayload(world, login)),
    requested_reviewers: [],
    draft: pull.draft,
    head: side(pull.head, pull.headSha),
    base: side(pull.base, pull.baseSha),
    created_at: time(issue.createdAt),
    updated_at: time(issue.updatedAt),
    closed_at: issue.closedAt ? time(issue.closedAt) : null,
    merged_at: pull.mergedAt ? time(pull.mergedAt) : null,
    merge_commit_sha: pull.mergeCommit,
    auto_merge: null,
  }
}

export function reviewPayload(world: World, repo: Repo, issue: Issue, review: Review) {
  return {
    id: review.id,
    node_id: `PRR_${review.id}`,
    user: userPayload(world, review.login),
    author_association: review.association,
    body: review.body,
    state: review.state,
    commit_id: review.commit,
    html_url: `${issueUrl(world, repo, issue)}#pullrequestreview-${review.id}`,
    pull_request_url: `${apiOf(world, repo)}/pulls/${issue.number}`,
    submitted_at: time(review.submittedAt),
  }
}

export function lineCommentPayload(world: World, repo: Repo, issue: Issue, comment: LineComment) {
  return { ...commentPayload(world, repo, issue, comment), path: comment.path, line: comment.line, commit_id: comment.commit, pull_request_url: `${apiOf(world, repo)}/pulls/${issue.number}` }
}

export function eventPayload(world: World, repo: Repo, event: IssueEvent) {
  const label = event.label === undefined ? undefined : repo.labels.get(event.label.toLowerCase())
  return {
    id: event.id,
    url: `${apiOf(world, repo)}/issues/events/${event.id}`,
    event: event.event,
    actor: userPayload(world, event.login),
    created_at: time(event.createdAt),
    commit_id: event.commit ?? null,
    ...(label ? { label: { name: label.name, color: label.color } } : {}),
  }
}
