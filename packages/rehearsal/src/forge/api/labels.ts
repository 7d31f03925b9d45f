import { Hono } from 'hono'
import { z } from 'zod'
import { invalid, notFound } from '../errors.ts'
import { addLabels, createLabel, findIssue, removeLabel, setLabels } from '../issue.ts'
import { issueLabels, labelPayload } from '../payloads.ts'
import type { World } from '../world.ts'
import { bodyOf, numberOf, page, param, repoOf, type ApiEnv } from './context.ts'

const REPO = '/repos/:owner/:repo'
const OF_ISSUE = `${REPO}/issues/:number/labels`
const Color = z.string().regex(/^[0-9a-fA-F]{6}$/)
const NewLabel = z.looseObject({ name: z.string().min(1), color: Color.optional(), description: z.string().max(100).nullish() })
const EditedLabel = z.looseObject({ new_name: z.string().min(1).optional(), color: Color.optional(), description: z.string().max(100).nullish() })
const Name = z.union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)])
/** GitHub takes `{"labels": […]}` and the bare list. */
const Names = z.union([z.looseObject({ labels: z.array(Name).default([]) }).transform(({ labels }) => labels), z.array(Name)])

export function labelRoutes(world: World): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()

  app.get(`${REPO}/labels`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    return page(world, c, [...repo.labels.values()], (label) => labelPayload(world, repo, label))
  })

  app.post(`${REPO}/labels`, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const { name, color, description } = await bodyOf(c, NewLabel, 'Label')
    return c.json(labelPayload(world, repo, createLabel(world, repo, name, color, description ?? null)), 201)
  })

  app.get(`${REPO}/labels/:name`, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    const label = repo.labels.get(param(c, 'name').toLowerCase())
    if (!label) throw notFound()
    return c.json(labelPayload(world, repo, label))
  })

  app.patch(`${REPO}/labels/:name`, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const label = repo.labels.get(param(c, 'name').toLowerCase())
    if (!label) throw notFound()
    const { new_name: name, color, description } = await bodyOf(c, EditedLabel, 'Label')
    if (name !== undefined && name.toLowerCase() !== label.name.toLowerCase() && repo.labels.has(name.toLowerCase())) throw invalid({ resource: 'Label', code: 'already_exists', field: 'name' })
    if (name !== undefined) {
      repo.labels.delete(label.name.toLowerCase())
      for (const issue of repo.issues.values()) issue.labels = issue.labels.map((one) => (one === label.name ? name : one))
      label.name = name
      repo.labels.set(name.toLowerCase(), label)
    }
    label.color = color ?? label.color
    label.description = description === undefined ? label.description : description
    return c.json(labelPayload(world, repo, label))
  })

  app.delete(`${REPO}/labels/:name`, (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const label = repo.labels.get(param(c, 'name').toLowerCase())
    if (!label) throw notFound()
    repo.labels.delete(label.name.toLowerCase())
    for (const issue of repo.issues.values()) issue.labels = issue.labels.filter((one) => one !== label.name)
    return c.body(null, 204)
  })

  app.get(OF_ISSUE, (c) => {
    const repo = repoOf(world, c, 'read', 'issues', 'pull_requests')
    return page(world, c, issueLabels(world, repo, findIssue(repo, numberOf(c, 'number'))), (label) => label)
  })

  app.on(['POST', 'PUT'], OF_ISSUE, async (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    const names = await bodyOf(c, Names, 'Label')
    if (c.req.method === 'PUT') setLabels(world, repo, issue, c.get('token').login, names)
    else addLabels(world, repo, issue, c.get('token').login, names)
    return c.json(issueLabels(world, repo, issue))
  })

  app.delete(OF_ISSUE, (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    setLabels(world, repo, findIssue(repo, numberOf(c, 'number')), c.get('token').login, [])
    return c.body(null, 204)
  })

  app.delete(`${OF_ISSUE}/:name`, (c) => {
    const repo = repoOf(world, c, 'write', 'issues', 'pull_requests')
    const issue = findIssue(repo, numberOf(c, 'number'))
    removeLabel(world, repo, issue, c.get('token').login, param(c, 'name'))
    return c.json(issueLabels(world, repo, issue))
  })

  return app
}
