import { ApiError, invalid, notFound } from './errors.ts'
import { commentPayload, issuePayload, labelPayload, pullPayload } from './payloads.ts'
import { associationOf, type Comment, type Issue, type IssueEvent, type Label, type Repo, type World } from './world.ts'

export type NewIssue = { title: string; body?: string | null; labels?: readonly string[]; assignees?: readonly string[]; association?: string }
export type IssueEdit = { title?: string; body?: string | null; state?: 'open' | 'closed'; stateReason?: Issue['stateReason']; labels?: readonly string[]; assignees?: readonly string[] }

export function findIssue(repo: Repo, number: number): Issue {
  const issue = repo.issues.get(number)
  if (!issue) throw notFound()
  return issue
}

/** An issue that nobody has been told of yet; a pull request starts as one too. */
export function draftIssue(world: World, repo: Repo, login: string, wanted: NewIssue): Issue {
  const now = world.now()
  const issue: Issue = {
    id: world.nextId(),
    number: repo.nextNumber,
    title: wanted.title,
    body: wanted.body ?? null,
    login,
    association: wanted.association ?? associationOf(world, repo, login),
    state: 'open',
    stateReason: null,
    closedBy: null,
    labels: [],
    assignees: [...(wanted.assignees ?? [])],
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    comments: [],
    events: [],
    pull: null,
  }
  repo.nextNumber += 1
  repo.issues.set(issue.number, issue)
  return issue
}

export function openIssue(world: World, repo: Repo, login: string, wanted: NewIssue): Issue {
  const labels = (wanted.labels ?? []).map((name) => ensureLabel(world, repo, name))
  const issue = draftIssue(world, repo, login, wanted)
  issue.labels = unique(labels.map((label) => label.name))
  tell(world, repo, issue, login, 'opened')
  // GitHub sends `labeled` for the labels that an issue is born with, too.
  for (const name of issue.labels) noteLabel(world, repo, issue, login, 'labeled', name)
  return issue
}

/** Changes what is given, and tells each change by its own event. */
export function editIssue(world: World, repo: Repo, issue: Issue, login: string, edit: IssueEdit): void {
  const changes: Record<string, { from: string }> = {}
  if (edit.title !== undefined && edit.title !== issue.title) {
    changes['title'] = { from: issue.title }
    issue.title = edit.title
  }
  if (edit.body !== undefined && edit.body !== issue.body) {
    changes['body'] = { from: issue.body ?? '' }
    issue.body = edit.body
  }
  if (edit.assignees) issue.assignees = [...edit.assignees]
  if (Object.keys(changes).length > 0) {
    touch(world, issue)
    tell(world, repo, issue, login, 'edited', { changes })
  }
  if (edit.labels) setLabels(world, repo, issue, login, edit.labels)
  if (edit.state && edit.state !== issue.state) setState(world, repo, issue, login, edit.state, edit.stateReason ?? null)
}

export function setState(world: World, repo: Repo, issue: Issue, login: string, state: 'open' | 'closed', reason: Issue['stateReason'] = null): void {
  if (issue.state === state) return
  issue.state = state
  const closed = state === 'closed'
  issue.stateReason = issue.pull ? null : closed ? (reason ?? 'completed') : 'reopened'
  issue.closedAt = closed ? world.now() : null
  issue.closedBy = closed ? login : null
  touch(world, issue)
  note(world, issue, login, { event: closed ? 'closed' : 'reopened' })
  tell(world, repo, issue, login, closed ? 'closed' : 'reopened')
}

export function addLabels(world: World, repo: Repo, issue: Issue, login: string, names: readonly string[]): void {
  for (const name of names.map((wanted) => ensureLabel(world, repo, wanted).name)) {
    if (issue.labels.includes(name)) continue
    issue.labels.push(name)
    touch(world, issue)
    noteLabel(world, repo, issue, login, 'labeled', name)
  }
}

/** @throws ApiError 404 "Label does not exist" */
export function removeLabel(world: World, repo: Repo, issue: Issue, login: string, wanted: string): void {
  const name = issue.labels.find((label) => label.toLowerCase() === wanted.toLowerCase())
  if (name === undefined) throw notFound('Label does not exist')
  issue.labels = issue.labels.filter((label) => label !== name)
  touch(world, issue)
  noteLabel(world, repo, issue, login, 'unlabeled', name)
}

export function setLabels(world: World, repo: Repo, issue: Issue, login: string, names: readonly string[]): void {
  const wanted = unique(names.map((name) => ensureLabel(world, repo, name).name))
  for (const name of issue.labels.filter((label) => !wanted.includes(label))) removeLabel(world, repo, issue, login, name)
  addLabels(world, repo, issue, login, wanted)
}

export function addComment(world: World, repo: Repo, issue: Issue, login: string, body: string, association?: string): Comment {
  const now = world.now()
  const comment: Comment = { id: world.nextId(), body, login, association: association ?? associationOf(world, repo, login), createdAt: now, updatedAt: now }
  issue.comments.push(comment)
  touch(world, issue)
  tellComment(world, repo, issue, comment, login, 'created')
  return comment
}

export function editComment(world: World, repo: Repo, issue: Issue, comment: Comment, login: string, body: string): void {
  const from = comment.body
  comment.body = body
  comment.updatedAt = world.now()
  touch(world, issue)
  tellComment(world, repo, issue, comment, login, 'edited', { changes: { body: { from } } })
}

export function deleteComment(world: World, repo: Repo, issue: Issue, comment: Comment, login: string): void {
  issue.comments = issue.comments.filter((one) => one !== comment)
  touch(world, issue)
  tellComment(world, repo, issue, comment, login, 'deleted')
}

/** @throws ApiError 404 */
export function findComment(repo: Repo, id: number): { issue: Issue; comment: Comment } {
  for (const issue of repo.issues.values()) {
    const comment = issue.comments.find((one) => one.id === id)
    if (comment) return { issue, comment }
  }
  throw notFound()
}

/** @throws ApiError 422 already_exists */
export function createLabel(world: World, repo: Repo, name: string, color = 'ededed', description: string | null = null): Label {
  if (name.trim() === '' || name.length > 50) throw invalid({ resource: 'Label', code: 'invalid', field: 'name' })
  if (repo.labels.has(name.toLowerCase())) throw invalid({ resource: 'Label', code: 'already_exists', field: 'name' })
  const label: Label = { id: world.nextId(), name, color, description, default: false }
  repo.labels.set(name.toLowerCase(), label)
  return label
}

/** GitHub makes a label that an issue is given and the repository does not have. */
function ensureLabel(world: World, repo: Repo, name: string): Label {
  return repo.labels.get(name.toLowerCase()) ?? createLabel(world, repo, name)
}

export function touch(world: World, issue: Issue): void {
  issue.updatedAt = world.now()
}

function note(world: World, issue: Issue, login: string, event: Omit<IssueEvent, 'id' | 'login' | 'createdAt'>): void {
  issue.events.push({ id: world.nextId(), login, createdAt: world.now(), ...event })
}

function noteLabel(world: World, repo: Repo, issue: Issue, login: string, event: 'labeled' | 'unlabeled', name: string): void {
  const label = repo.labels.get(name.toLowerCase())
  if (!label) throw new ApiError(500, `label ${name} is not in the repository`)
  note(world, issue, login, { event, label: name })
  tell(world, repo, issue, login, event, { label: labelPayload(world, repo, label) })
}

/** Issues and pull requests tell their changes by different events. */
export function tell(world: World, repo: Repo, issue: Issue, login: string, action: string, more: Record<string, unknown> = {}): void {
  if (issue.pull) world.emit({ event: 'pull_request', action, repo, login, payload: { number: issue.number, pull_request: pullPayload(world, repo, issue, issue.pull), ...more } })
  else world.emit({ event: 'issues', action, repo, login, payload: { issue: issuePayload(world, repo, issue), ...more } })
}

function tellComment(world: World, repo: Repo, issue: Issue, comment: Comment, login: string, action: string, more: Record<string, unknown> = {}): void {
  world.emit({ event: 'issue_comment', action, repo, login, payload: { issue: issuePayload(world, repo, issue), comment: commentPayload(world, repo, issue, comment), ...more } })
}

const unique = (names: readonly string[]): string[] => [...new Set(names)]
