import { api, FactoryError, type Endpoint, type EndpointName, type Logger } from '@factory/shared'
import { Hono, type Context as HonoContext } from 'hono'
import { answerError, errorResponse } from './answer-error.ts'
import { authenticate, type Authentication } from './authenticate.ts'
import type { Caller, Handlers } from './handlers.ts'
import { readBody } from './read-body.ts'
import { bodySchema, parseJson, parsePart, storableText } from './validate.ts'

export type Served = { method: string; route: string; status: number; seconds: number }

export type MountOptions<Context> = {
  ctx: Context
  handlers: Handlers<Context>
  auth: Authentication
  log: Logger
  /** Told of every answer, for the metrics. `route` is the table's path, never the caller's. */
  onServed?: (served: Served) => void
  /** Tests only: hold every answer against the table's schema. */
  checkAnswers?: boolean
}

type Env = { Variables: { requestId: string; route: string } }
export type ApiApp = Hono<Env>

const MIB = 1024 * 1024
/** A heartbeat carries up to 500 events of the agent, an ending 2000. */
const LARGE: ReadonlySet<EndpointName> = new Set(['heartbeat', 'complete', 'fail', 'stuck', 'pause'])
const UNMATCHED = '(no route)'

/** Makes the HTTP API out of the `api` table: one route per endpoint, all alike. */
export function mount<Context>(options: MountOptions<Context>): ApiApp {
  const app: ApiApp = new Hono()
  app.use(requestFrame(options))
  for (const name of endpointNames()) {
    const endpoint: Endpoint = api[name]
    app.on(endpoint.method.toUpperCase(), honoPath(endpoint.path), async (c) => {
      c.set('route', endpoint.path)
      return serve(options, name, endpoint, c)
    })
  }
  app.notFound((c) => noRoute(c))
  app.onError((error, c) => answerError(error, { id: c.get('requestId'), log: options.log, route: c.get('route') }))
  return app
}

export function endpointNames(): EndpointName[] {
  return Object.keys(api) as EndpointName[]
}

async function serve<Context>(options: MountOptions<Context>, name: EndpointName, endpoint: Endpoint, c: HonoContext<Env>): Promise<Response> {
  const claimed = endpoint.audience === 'run' ? c.req.param('id') : undefined
  const caller = await authenticate(options.auth, endpoint.audience, c.req.header('authorization'), claimed)
  const params = endpoint.params ? parsePart(endpoint.params, c.req.param()) : {}
  const query = endpoint.query ? parsePart(endpoint.query, readQuery(c)) : {}
  const body = endpoint.body ? await readInput(name, c) : {}
  // The table ties the handler's types to these schemas; a call through the table's name cannot show it.
  const handler = options.handlers[name] as (ctx: Context, input: unknown, caller: Caller) => Promise<unknown>
  const answer = await handler(options.ctx, { params, query, body }, caller)
  const checked = options.checkAnswers ? endpoint.response.parse(answer) : answer
  return Response.json(checked, { status: wasCreated(name, answer) ? 201 : 200, headers: { 'cache-control': 'no-store' } })
}

async function readInput(name: EndpointName, c: HonoContext<Env>): Promise<unknown> {
  const body = parseJson(await readBody(c.req.raw, (LARGE.has(name) ? 8 : 2) * MIB))
  const schema = bodySchema(name, body)
  return schema ? parsePart(schema, body) : body
}

function readQuery(c: HonoContext<Env>): Record<string, string> {
  return Object.fromEntries(Object.entries(c.req.query()).map(([key, value]) => [storableText(key), storableText(value)]))
}

function wasCreated(name: EndpointName, answer: unknown): boolean {
  return name === 'createWork' && typeof answer === 'object' && answer !== null && 'created' in answer && answer.created === true
}

/** Around every request: its id, the headers that all answers carry, and the measure of it. */
function requestFrame(options: Pick<MountOptions<unknown>, 'onServed'>) {
  return async (c: HonoContext<Env>, next: () => Promise<void>) => {
    const started = performance.now()
    const given = c.req.header('x-request-id') ?? ''
    const requestId = /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID()
    c.set('requestId', requestId)
    c.set('route', UNMATCHED)
    await next()
    c.res.headers.set('x-request-id', requestId)
    c.res.headers.set('x-content-type-options', 'nosniff')
    options.onServed?.({ method: c.req.method, route: c.get('route'), status: c.res.status, seconds: (performance.now() - started) / 1000 })
  }
}

/** Routes outside the table that `noRoute` must know of to answer 405; app.ts serves them. */
export const OPERATIONS = [
  ...['/health', '/ready', '/metrics', '/openapi.json', '/docs', '/api/events', '/api/backup'].map((path) => ({ method: 'GET', path })),
  { method: 'POST', path: '/api/restore' },
] as const

const ROUTES = [
  ...endpointNames().map((name) => ({ method: api[name].method.toUpperCase(), path: api[name].path as string })),
  ...OPERATIONS,
].map((route) => ({ ...route, pattern: new RegExp(`^${route.path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }))

function noRoute(c: HonoContext<Env>): Response {
  const methods = ROUTES.filter((route) => route.pattern.test(c.req.path)).map((route) => route.method)
  if (methods.length === 0) return errorResponse(new FactoryError('not_found', `there is nothing at ${c.req.path.slice(0, 200)}; see /docs`))
  const allow = [...new Set(methods)].join(', ')
  const error = new FactoryError('bad_request', `${c.req.method} is not possible here; use ${allow}`)
  return Response.json(error.toBody(), { status: 405, headers: { allow } })
}

/** `/api/work/{id}` as Hono spells it. */
function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1')
}
