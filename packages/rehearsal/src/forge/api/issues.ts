import { Hono } from 'hono'
import { z } from 'zod'
import { accessTo } from '../access.ts'
import { ApiError } from '../errors.ts'
import { addComment, deleteComment, editComment, editIssue, findComment, findIssue, openIssue } from '../issue.ts'
import { commentPayload, eventPayload, issuePayload } from '../payloads.ts'
import type { Comment, Issue, Repo, World } from '../world.ts'
import { Body, bodyOf, numberOf, page, repoOf, Title, type ApiEnv } from './context.ts'

const ISSUES = '/repos/:owner/:repo/issues'
const LabelNames = z.array(z.union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)]))

const NewIssue = z.looseObject({ title: Title, body: Body.nullish(), labels: LabelNames.default([]), assignees: z.array(z.string()).default([]) })
const EditedIssue = z.looseObject({
  title: Title.optional(),
  body: Body.nullish(),
  state: z.enum(['open', 'closed']).optional(),
  state_reason: z.enum(['completed', 'not_planned', 'reopened']).nullish(),
  labels: LabelNames.optional(),
  assignees: z.array(z.string()).optional(),
})
const CommentBody = z.looseObject({ body: Body.min(1) })

/** Issues, their comments and their history. Pull requests are issues too, as at GitHub. */
export function issueRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  app.get(ISSUES, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    return page(world, c, select(repo, c.req.query()), (issue) => issuePayload(world, repo, issue))
  })

  app.post(ISSUES, async (c) => {
    const repo = repoOf(world, c, 'read')
    const body = await bodyOf(c, NewIssue, 'Issue')
    // Anybody may open an issue in a public repository; labels count only from those who may set them.
    const mayLabel = accessTo(c.get('token'), repo, 'issues') === 'write'
    if (repo.private || repo.archived) repoOf(world, c, 'write', 'issues')
    const issue = openIssue(world, repo, c.get('token').login, { title: body.title, body: body.body ?? null, labels: mayLabel ? body.labels : [], assignees: mayLabel ? body.assignees : [] })
    return c.json(issuePayload(world, repo, issue), 201)
  })

  app.get(`${ISSUES}/comments`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    const all = [...repo.issues.values()].flatMap((issue) => issue.comments.map((comment) => ({ issue, comment })))
    const kept = all.filter(({ comment }) => isSince(comment.updatedAt, c.req.query('since'))).sort((a, b) => a.comment.id - b.comment.id)
    return page(world, c, c.req.query('direction') === 'desc' ? kept.reverse() : kept, ({ issue, comment }) => commentPayload(world, repo, issue, comment))
  })

  app.get(`${ISSUES}/comments/:id`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    const { issue, comment } = findComment(repo, numberOf(c, 'id'))
    return c.json(commentPayload(world, repo, issue, comment))
  })

  app.patch(`${ISSUES}/comments/:id`, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const { issue, comment } = findComment(repo, numberOf(c, 'id'))
    const { body } = await bodyOf(c, CommentBody, 'IssueComment')
    editComment(world, repo, issue, comment, c.get('token').login, body)
    return c.json(commentPayload(world, repo, issue, comment))
  })

  app.delete(`${ISSUES}/comments/:id`, (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const { issue, comment } = findComment(repo, numberOf(c, 'id'))
    deleteComment(world, repo, issue, comment, c.get('token').login)
    return c.body(null, 204)
  })

  app.get(`${ISSUES}/:number`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    return c.json(issuePayload(world, repo, findIssue(repo, numberOf(c, 'number'))))
  })

  app.patch(`${ISSUES}/:number`, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    const { title, body, state, state_reason: stateReason, labels, assignees } = await bodyOf(c, EditedIssue, 'Issue')
    if (issue.pull?.mergedAt && state === 'open') throw new ApiError(422, 'Validation Failed', [{ resource: 'Issue', code: 'invalid', field: 'state' }])
    editIssue(world, repo, issue, c.get('token').login, {
      ...(title === undefined ? {} : { title }),
      ...(body === undefined ? {} : { body }),
      ...(state === undefined ? {} : { state }),
      ...(stateReason ? { stateReason } : {}),
      ...(labels === undefined ? {} : { labels }),
      ...(assignees === undefined ? {} : { assignees }),
    })
    return c.json(issuePayload(world, repo, issue))
  })

  app.get(`${ISSUES}/:number/comments`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    const since = c.req.query('since')
    return page(world, c, issue.comments.filter((comment: Comment) => isSince(comment.updatedAt, since)), (comment) => commentPayload(world, repo, issue, comment))
  })

  app.post(`${ISSUES}/:number/comments`, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    const { body } = await bodyOf(c, CommentBody, 'IssueComment')
    return c.json(commentPayload(world, repo, issue, addComment(world, repo, issue, c.get('token').login, body)), 201)
  })

  app.get(`${ISSUES}/:number/events`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    return page(world, c, findIssue(repo, numberOf(c, 'number')).events, (event) => eventPayload(world, repo, event))
  })

  app.get(`${ISSUES}/:number/timeline`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    const events = issue.events.map((event) => ({ id: event.id, shown: eventPayload(world, repo, event) }))
    const comments = issue.comments.map((comment) => ({ id: comment.id, shown: { event: 'commented', ...commentPayload(world, repo, issue, comment) } }))
    return page(world, c, [...events, ...comments].sort((a, b) => a.id - b.id), ({ shown }) => shown)
  })

  return app
}

type Query = Record<string, string | undefined>

/** GitHub's filters and order: open ones, newest first, unless told otherwise. */
function select(repo: Repo, query: Query): Issue[] {
  const labels = (query['labels'] ?? '').split(',').map((label) => label.trim().toLowerCase()).filter(Boolean)
  const state = query['state'] ?? 'open'
  const key: (issue: Issue) => number =
    query['sort'] === 'updated' ? (issue) => issue.updatedAt.getTime() : query['sort'] === 'comments' ? (issue) => issue.comments.length : (issue) => issue.createdAt.getTime()
  const way = query['direction'] === 'asc' ? 1 : -1
  return [...repo.issues.values()]
    .filter((issue) => (state === 'all' || issue.state === state) && labels.every((label) => issue.labels.some((name) => name.toLowerCase() === label)))
    .filter((issue) => isSince(issue.updatedAt, query['since']) && (query['creator'] === undefined || issue.login === query['creator']))
    .sort((a, b) => way * (key(a) - key(b) || a.number - b.number))
}

/** Whole seconds, as GitHub shows them: what changed in that very second is in. */
function isSince(updated: Date, since: string | undefined): boolean {
  const from = Date.parse(since ?? '')
  return Number.isNaN(from) || Math.floor(updated.getTime() / 1000) * 1000 >= from
}
