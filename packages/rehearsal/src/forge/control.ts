import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { ApiError } from './errors.ts'
import type { Forge } from './start.ts'

const NewRepo = z.strictObject({
  name: z.string(),
  /** A directory of the forge's machine, or files by path. */
  from: z.union([z.string(), z.record(z.string(), z.string())]).exactOptional(),
  private: z.boolean().exactOptional(),
  archived: z.boolean().exactOptional(),
  defaultBranch: z.string().exactOptional(),
  description: z.string().exactOptional(),
})
const as = z.string().min(1).default('rehearsal')
const NewIssue = z.strictObject({ as, title: z.string().min(1), body: z.string().exactOptional(), labels: z.array(z.string()).exactOptional(), association: z.string().exactOptional() })
const EditedIssue = z.strictObject({ as, title: z.string().min(1).exactOptional(), body: z.string().exactOptional(), state: z.enum(['open', 'closed']).exactOptional() })
const Labels = z.strictObject({ as, labels: z.array(z.string()).min(1) })
const NewComment = z.strictObject({ as, body: z.string().min(1), association: z.string().exactOptional() })
const By = z.strictObject({ as })
const NewPull = z.strictObject({ as, title: z.string().min(1), head: z.string(), base: z.string(), body: z.string().exactOptional(), draft: z.boolean().exactOptional() })
const Merge = z.strictObject({ as, method: z.enum(['merge', 'squash', 'rebase']).exactOptional() })
const NewFault = z.strictObject({
  match: z.strictObject({ method: z.string().exactOptional(), path: z.string().exactOptional() }).exactOptional(),
  status: z.int().min(200).max(599).exactOptional(),
  message: z.string().exactOptional(),
  headers: z.record(z.string(), z.string()).exactOptional(),
  body: z.unknown().optional(),
  secondaryRateLimit: z.number().min(0).exactOptional(),
  timeout: z.union([z.literal(true), z.number().min(0)]).exactOptional(),
  executeThenFail: z.boolean().exactOptional(),
  times: z.int().min(1).exactOptional(),
  probability: z.number().min(0).max(1).exactOptional(),
  seed: z.int().exactOptional(),
})
const share = z.number().min(0).max(1).exactOptional()
const NewRates = z
  .strictObject({
    refuse: share,
    executeThenFail: share,
    hang: share,
    executeThenHang: share,
    seed: z.int(),
    on: z.array(z.enum(['rest', 'git'])).exactOptional(),
    hangMs: z.number().min(0).exactOptional(),
  })
  .refine(({ refuse = 0, executeThenFail = 0, hang = 0, executeThenHang = 0 }) => refuse + executeThenFail + hang + executeThenHang <= 1, 'the shares add up to more than 1')
const NewWebhook = z.strictObject({ url: z.url(), secret: z.string().min(1), events: z.array(z.string()).exactOptional() })

const ISSUE = '/repos/:owner/:repo/issues/:number'

/** What a demo or a test in another process does as "somebody": `/_rehearsal/…`, JSON in and out. */
export function controlApp(forge: Forge): Hono {
  const app = new Hono().basePath('/_rehearsal')
  const repo = (c: Context) => `${c.req.param('owner')}/${c.req.param('repo')}`
  const number = (c: Context) => Number(c.req.param('number'))

  app.get('/', (c) => c.json({ url: forge.url, apiUrl: forge.apiUrl }))
  app.get('/requests', (c) => c.json(forge.requests))

  app.post('/repos', async (c) => {
    const made = await forge.createRepo(await read(c, NewRepo))
    return c.json({ name: `${made.owner}/${made.name}`, url: `${forge.url}/${made.owner}/${made.name}`, head: made.refs.get(`refs/heads/${made.defaultBranch}`) ?? null }, 201)
  })

  app.post('/repos/:owner/:repo/issues', async (c) => {
    const { as, ...issue } = await read(c, NewIssue)
    return c.json(forge.issue(repo(c), forge.openIssue(repo(c), as, issue).number), 201)
  })
  app.get(ISSUE, (c) => c.json(forge.issue(repo(c), number(c))))
  app.patch(ISSUE, async (c) => {
    const { as, ...edit } = await read(c, EditedIssue)
    forge.editIssue(repo(c), number(c), as, edit)
    return c.json(forge.issue(repo(c), number(c)))
  })
  app.post(`${ISSUE}/labels`, async (c) => {
    const { as, labels } = await read(c, Labels)
    forge.label(repo(c), number(c), as, ...labels)
    return c.json(forge.issue(repo(c), number(c)))
  })
  app.delete(`${ISSUE}/labels/:name`, async (c) => {
    const { as } = await read(c, By)
    forge.unlabel(repo(c), number(c), as, c.req.param('name'))
    return c.json(forge.issue(repo(c), number(c)))
  })
  app.get(`${ISSUE}/comments`, (c) => c.json(forge.comments(repo(c), number(c))))
  app.post(`${ISSUE}/comments`, async (c) => {
    const { as, body, association } = await read(c, NewComment)
    return c.json({ id: forge.comment(repo(c), number(c), as, body, association).id }, 201)
  })
  app.post(`${ISSUE}/close`, async (c) => {
    forge.close(repo(c), number(c), (await read(c, By)).as)
    return c.json(forge.issue(repo(c), number(c)))
  })
  app.post(`${ISSUE}/reopen`, async (c) => {
    forge.reopen(repo(c), number(c), (await read(c, By)).as)
    return c.json(forge.issue(repo(c), number(c)))
  })

  app.get('/repos/:owner/:repo/pulls', async (c) => c.json(await forge.pullsWithStats(repo(c))))
  app.post('/repos/:owner/:repo/pulls', async (c) => {
    const { as, ...pull } = await read(c, NewPull)
    return c.json({ number: (await forge.openPull(repo(c), as, pull)).number }, 201)
  })
  app.post('/repos/:owner/:repo/pulls/:number/merge', async (c) => {
    const { as, method } = await read(c, Merge)
    return c.json({ sha: await forge.merge(repo(c), number(c), as, method) })
  })

  app.get('/repos/:owner/:repo/pulls-per-head', (c) => c.json(forge.pullsPerHead(repo(c))))

  app.post('/webhooks', async (c) => {
    forge.addWebhook(await read(c, NewWebhook))
    return c.body(null, 204)
  })
  app.get('/deliveries', async (c) => {
    await forge.settled()
    return c.json(forge.deliveries.map(({ body: _body, ...delivery }) => delivery))
  })
  app.post('/deliveries/:number/redeliver', async (c) => {
    const { body: _body, ...delivery } = await forge.redeliver(number(c))
    return c.json(delivery)
  })

  app.post('/faults', async (c) => {
    forge.fault(await read(c, NewFault))
    return c.body(null, 204)
  })
  app.get('/faults/rates', (c) => c.json(forge.faultRates()))
  app.put('/faults/rates', async (c) => {
    forge.setFaultRates(await read(c, NewRates))
    return c.body(null, 204)
  })
  app.delete('/faults/rates', (c) => {
    forge.setFaultRates(null)
    return c.body(null, 204)
  })
  app.delete('/faults', (c) => {
    forge.clearFaults()
    return c.body(null, 204)
  })

  app.notFound((c) => c.json({ message: 'There is no such control call' }, 404))
  app.onError((error, c) => (error instanceof ApiError ? error.toResponse() : c.json({ message: error.message }, 400)))
  return app
}

async function read<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  const text = await c.req.text()
  const parsed = schema.safeParse(text === '' ? {} : JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.message}`).join('; '))
}
