import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { commitPayload, listCommits } from '../commits.ts'
import { stats, unifiedDiff } from '../diff.ts'
import { ApiError, invalid, notFound } from '../errors.ts'
import { isAncestor } from '../git.ts'
import { editIssue, findIssue, touch } from '../issue.ts'
import { pinPull } from '../refs.ts'
import { lineCommentPayload, pullPayload, reviewPayload, userPayload } from '../payloads.ts'
import { mergePull, openPull, pullFacts, rebasePull } from '../pull.ts'
import { associationOf, type Issue, type LineComment, type Pull, type Repo, type Review, type World } from '../world.ts'
import { Body, bodyOf, numberOf, page, repoOf, Title, type ApiEnv } from './context.ts'
import { filePayload } from './repos.ts'

const PULLS = '/repos/:owner/:repo/pulls'
const NewPull = z.looseObject({ title: Title, head: z.string().min(1), base: z.string().min(1), body: Body.nullish(), draft: z.boolean().default(false) })
const EditedPull = z.looseObject({ title: Title.optional(), body: Body.nullish(), state: z.enum(['open', 'closed']).optional(), base: z.string().min(1).optional() })
const Merge = z.looseObject({ sha: z.string().optional(), merge_method: z.enum(['merge', 'squash', 'rebase']).optional(), commit_title: z.string().optional(), commit_message: z.string().optional() })
const NewReview = z.looseObject({ body: Body.default(''), event: z.enum(['APPROVE', 'REQUEST_CHANGES', 'COMMENT']).default('COMMENT') })
const NewLineComment = z.looseObject({ body: Body.min(1), path: z.string().min(1), line: z.int().nullish() })
const STATES = { APPROVE: 'APPROVED', REQUEST_CHANGES: 'CHANGES_REQUESTED', COMMENT: 'COMMENTED' } as const

export function pullRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  /** The pull request of the path, if the caller may do that. */
  const open = (c: Context<ApiEnv>, access: 'read' | 'write'): { repo: Repo; issue: Issue; pull: Pull } => {
    const repo = repoOf(world, c, access, 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    if (!issue.pull) throw notFound()
    return { repo, issue, pull: issue.pull }
  }

  app.get(PULLS, (c) => {
    const repo = repoOf(world, c, 'read', 'pull_requests')
    return page(world, c, select(repo, c.req.query()), ({ issue, pull }) => pullPayload(world, repo, issue, pull))
  })

  app.post(PULLS, async (c) => {
    const repo = repoOf(world, c, 'write', 'pull_requests')
    const { title, head, base, body, draft } = await bodyOf(c, NewPull, 'PullRequest')
    const issue = await openPull(world, repo, c.get('token').login, { title, head, base, body: body ?? null, draft })
    return c.json(await whole(world, repo, issue), 201)
  })

  app.get(`${PULLS}/:number`, async (c) => {
    const { repo, issue, pull } = open(c, 'read')
    if (/vnd\.github\.(v3\.)?diff/.test(c.req.header('accept') ?? '')) return c.text(await unifiedDiff(repo.dir, (await pullFacts(repo, pull)).from, pull.headSha))
    return c.json(await whole(world, repo, issue))
  })

  app.patch(`${PULLS}/:number`, async (c) => {
    const { repo, issue, pull } = open(c, 'write')
    const { title, body, state, base } = await bodyOf(c, EditedPull, 'PullRequest')
    const { login } = c.get('token')
    if (state === 'open' && issue.state === 'closed') await refuseReopening(repo, issue, pull)
    if (base !== undefined) await rebasePull(world, repo, issue, pull, login, base)
    editIssue(world, repo, issue, login, { ...(title === undefined ? {} : { title }), ...(body === undefined ? {} : { body }), ...(state === undefined ? {} : { state }) })
    return c.json(await whole(world, repo, issue))
  })

  app.get(`${PULLS}/:number/files`, async (c) => {
    const { repo, pull } = open(c, 'read')
    return page(world, c, (await pullFacts(repo, pull)).files, filePayload)
  })

  app.get(`${PULLS}/:number/commits`, async (c) => {
    const { repo, pull } = open(c, 'read')
    const { from } = await pullFacts(repo, pull)
    return page(world, c, await listCommits(repo.dir, ['--reverse', `${from}..${pull.headSha}`]), (commit) => commitPayload(world, repo, commit))
  })

  app.get(`${PULLS}/:number/merge`, (c) => {
    if (!open(c, 'read').pull.mergedAt) throw notFound()
    return c.body(null, 204)
  })

  app.put(`${PULLS}/:number/merge`, async (c) => {
    const { repo, issue, pull } = open(c, 'write')
    repoOf(world, c, 'write', 'contents')
    const { sha, merge_method: method, commit_title: title, commit_message: message } = await bodyOf(c, Merge, 'PullRequest')
    const commit = await mergePull(world, repo, issue, pull, c.get('token').login, { ...(sha === undefined ? {} : { sha }), ...(method ? { method } : {}), ...(title === undefined ? {} : { title }), ...(message === undefined ? {} : { message }) })
    return c.json({ sha: commit, merged: true, message: 'Pull Request successfully merged' })
  })

  app.get(`${PULLS}/:number/reviews`, (c) => {
    const { repo, issue, pull } = open(c, 'read')
    return page(world, c, pull.reviews, (review) => reviewPayload(world, repo, issue, review))
  })

  app.post(`${PULLS}/:number/reviews`, async (c) => {
    const { repo, issue, pull } = open(c, 'write')
    const { body, event } = await bodyOf(c, NewReview, 'PullRequestReview')
    const { login } = c.get('token')
    if (login === issue.login && event !== 'COMMENT') throw new ApiError(422, 'Unprocessable Entity', [{ resource: 'PullRequestReview', code: 'custom', message: `Can not ${event === 'APPROVE' ? 'approve' : 'request changes on'} your own pull request` }])
    const review: Review = { id: world.nextId(), login, association: associationOf(world, repo, login), body, state: STATES[event], commit: pull.headSha, submittedAt: world.now() }
    pull.reviews.push(review)
    touch(world, issue)
    world.emit({ event: 'pull_request_review', action: 'submitted', repo, login, payload: { review: { ...reviewPayload(world, repo, issue, review), state: review.state.toLowerCase() }, pull_request: pullPayload(world, repo, issue, pull) } })
    return c.json(reviewPayload(world, repo, issue, review))
  })

  app.get(`${PULLS}/:number/comments`, (c) => {
    const { repo, issue, pull } = open(c, 'read')
    return page(world, c, pull.lineComments, (comment) => lineCommentPayload(world, repo, issue, comment))
  })

  app.post(`${PULLS}/:number/comments`, async (c) => {
    const { repo, issue, pull } = open(c, 'write')
    const { body, path, line } = await bodyOf(c, NewLineComment, 'PullRequestReviewComment')
    const { login } = c.get('token')
    const now = world.now()
    const comment: LineComment = { id: world.nextId(), body, login, association: associationOf(world, repo, login), createdAt: now, updatedAt: now, path, line: line ?? null, commit: pull.headSha }
    pull.lineComments.push(comment)
    touch(world, issue)
    return c.json(lineCommentPayload(world, repo, issue, comment), 201)
  })

  /** As GitHub: the branch must be there, and must not have been force-pushed or made anew elsewhere since. */
  const refuseReopening = async (repo: Repo, issue: Issue, pull: Pull): Promise<void> => {
    const refuse = (why: string) => invalid({ resource: 'PullRequest', code: 'invalid', field: 'state', message: `state cannot be changed. ${why}` })
    const twin = [...repo.issues.values()].some((other) => other !== issue && other.state === 'open' && other.pull?.head === pull.head && other.pull.base === pull.base)
    const tip = repo.refs.get(`refs/heads/${pull.head}`)
    if (pull.mergedAt || twin) throw refuse('The pull request cannot be reopened.')
    if (tip === undefined) throw refuse(`The ${pull.head} branch has been deleted.`)
    if (tip !== pull.headSha && !(await isAncestor(repo.dir, pull.headSha, tip))) throw refuse(`The ${pull.head} branch was force-pushed or recreated.`)
    pull.headSha = tip
    await pinPull(repo, issue, pull)
  }

  return app
}

type Query = Record<string, string | undefined>

/** GitHub's filters; `head` counts only as `owner:branch`, and a branch alone filters nothing. */
function select(repo: Repo, query: Query): { issue: Issue; pull: Pull }[] {
  const state = query['state'] ?? 'open'
  const [owner, ...rest] = (query['head'] ?? '').split(':')
  const head = rest.length > 0 ? rest.join(':') : null
  const byUpdate = query['sort'] === 'updated'
  // Newest first when sorted by creation, unless told otherwise; oldest first by update: GitHub's own oddity.
  const way = (query['direction'] ?? (byUpdate ? 'asc' : 'desc')) === 'asc' ? 1 : -1
  return [...repo.issues.values()]
    .flatMap((issue) => (issue.pull ? [{ issue, pull: issue.pull }] : []))
    .filter(({ issue, pull }) => (state === 'all' || issue.state === state) && (query['base'] === undefined || pull.base === query['base']))
    .filter(({ pull }) => head === null || (pull.head === head && owner?.toLowerCase() === repo.owner.toLowerCase()))
    .sort((a, b) => way * ((byUpdate ? a.issue.updatedAt.getTime() - b.issue.updatedAt.getTime() : 0) || a.issue.number - b.issue.number))
}

async function whole(world: World, repo: Repo, issue: Issue) {
  if (!issue.pull) throw notFound()
  const { pull } = issue
  const { mergeable, files, commits } = await pullFacts(repo, pull)
  const { additions, deletions } = stats(files)
  const blocked = mergeable === false ? 'dirty' : pull.draft ? 'draft' : 'clean'
  return {
    ...pullPayload(world, repo, issue, pull),
    merged: pull.mergedAt !== null,
    merged_by: pull.mergedBy === null ? null : userPayload(world, pull.mergedBy),
    mergeable,
    mergeable_state: mergeable === null ? 'unknown' : blocked,
    rebaseable: mergeable,
    comments: issue.comments.length,
    review_comments: pull.lineComments.length,
    commits,
    additions,
    deletions,
    changed_files: files.length,
  }
}
