import { api, ChangeLimits, CreateWork, CreateWorkLong, CreateWorkShort, ERROR_CODES, FactoryError, HTTP_STATUS, isLiveRun, isTerminalWork, zodDetails, type Endpoint, type FactoryEvent, type WorkDetail } from '@factory/shared'
import type { z } from 'zod'
import { aBusyWorld, anItem, type World } from './fixtures.ts'

export * from './fixtures.ts'

export type StubApi = {
  url: string
  token: string
  /** Change it and the next answer is different. */
  world: World
  /** What was asked, oldest first: "POST /api/work/3/cancel". */
  calls: string[]
  bodies: unknown[]
  /** `Last-Event-ID` of each event stream that was opened. */
  streams: (string | null)[]
  openStreams(): number
  emit(event: FactoryEvent): void
  progress(message: { runId: number; itemId: number; progress: Record<string, unknown> }): void
  /** Ends the server hard, as a crash would. */
  stop(): Promise<void>
}

export type StubOptions = { port?: number; token?: string; world?: World }

/**
 * The orchestrator's API as far as people use it, for tests of the dashboard and the command line:
 * the paths and schemas are the shared table's, the answers come from a world the test can change.
 */
export function startStubApi(options: StubOptions = {}): StubApi {
  const token = options.token ?? 'a-token-for-tests-only'
  const world = options.world ?? aBusyWorld(Date.now())
  const calls: string[] = []
  const bodies: unknown[] = []
  const streams: (string | null)[] = []
  const open = new Set<ReadableStreamDefaultController<Uint8Array>>()
  const encoder = new TextEncoder()
  const send = (text: string) => {
    for (const controller of open) controller.enqueue(encoder.encode(text))
  }

  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url)
      calls.push(`${request.method} ${url.pathname}${url.search}`)
      try {
        if (url.pathname === '/health' || url.pathname === '/ready') return Response.json({ ok: true })
        if (request.headers.get('authorization') !== `Bearer ${token}`) throw new FactoryError('unauthorized', 'a bearer token is needed')
        if (url.pathname === '/api/events') {
          streams.push(request.headers.get('last-event-id'))
          let mine: ReadableStreamDefaultController<Uint8Array>
          const body = new ReadableStream<Uint8Array>({
            start(controller) {
              mine = controller
              controller.enqueue(encoder.encode(': ping\n\n'))
              open.add(controller)
            },
            cancel: () => void open.delete(mine),
          })
          return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
        }
        const body: unknown = request.method === 'GET' ? null : await request.json().catch(() => null)
        if (body !== null) bodies.push(body)
        return answer(world, request.method, url, body)
      } catch (error) {
        const known = error instanceof FactoryError ? error : new FactoryError('internal', String(error))
        return Response.json(known.toBody(), { status: HTTP_STATUS[known.code] })
      }
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    token,
    world,
    calls,
    bodies,
    streams,
    openStreams: () => open.size,
    emit: (event) => send(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    progress: (message) => send(`event: progress\ndata: ${JSON.stringify(message)}\n\n`),
    stop: async () => {
      await server.stop(true)
      open.clear()
    },
  }
}

function answer(world: World, method: string, url: URL, body: unknown): Response {
  const found = Object.entries(api).find(([, endpoint]) => endpoint.method.toUpperCase() === method && pathPattern(endpoint.path).test(url.pathname))
  if (!found) throw new FactoryError('not_found', `no ${method} ${url.pathname}`)
  const [name, endpoint]: [string, Endpoint] = found
  const id = Number(pathPattern(endpoint.path).exec(url.pathname)?.[1] ?? 0)
  const query: Record<string, unknown> = endpoint.query ? parse(endpoint.query, Object.fromEntries(url.searchParams)) : {}
  const given = name === 'createWork' ? parse(isLong(body) ? CreateWorkLong : CreateWorkShort, body) : endpoint.body ? parse(endpoint.body, body) : null
  return Response.json(endpoint.response.parse(handlers[name]?.(world, id, query, given) ?? missing(name)))
}

const handlers: Record<string, (world: World, id: number, query: Record<string, unknown>, body: unknown) => unknown> = {
  status: (world) => world.status,
  limits: (world) => world.limits,
  changeLimits: (world, _id, _query, body) => {
    for (const [name, value] of Object.entries(ChangeLimits.parse(body))) {
      const limit = Object.entries(world.limits).find(([key]) => key === name)?.[1]
      if (limit) Object.assign(limit, { value: value ?? limit.configured, set: value !== null })
    }
    return world.limits
  },
  queue: (world) => ({ items: world.queue.map((id) => item(world, id).item) }),
  listWorkers: (world, _id, query) => ({ workers: world.details.flatMap((detail) => detail.runs).filter((run) => query['live'] !== true || isLiveRun(run.status)) }),
  listWork: (world, _id, query) => ({
    items: world.details
      .map((detail) => detail.item)
      .filter((one) => (!query['status'] || one.status === query['status']) && (!query['repo'] || one.repo === query['repo']) && (query['active'] !== true || !isTerminalWork(one.status)))
      .sort((a, b) => b.id - a.id)
      .slice(0, Number(query['limit'])),
    next: null,
  }),
  getWork: (world, id) => item(world, id),
  createWork: (world, _id, _query, body) => {
    const work = CreateWork.parse(body)
    const made = anItem(Date.now(), { id: Math.max(0, ...world.details.map((detail) => detail.item.id)) + 1, repo: work.repo, title: work.title ?? 'Made by a test', priority: work.priority ?? 'medium', ...('source' in work ? { source: work.source, sourceId: work.sourceId } : { source: 'api' }) })
    world.details.push({ item: made, runs: [], events: [] })
    return { item: made, created: true }
  },
  cancelWork: (world, id) => {
    const { item: one } = item(world, id)
    if (isTerminalWork(one.status)) throw new FactoryError('conflict', `item ${id} is ${one.status} and cannot be cancelled`)
    one.status = 'cancelled'
    one.waiting = null
    world.queue = world.queue.filter((queued) => queued !== id)
    return { item: one }
  },
  retryWork: (world, id) => {
    const { item: one } = item(world, id)
    one.status = 'queued'
    one.failure = null
    return { item: one }
  },
  killWorker: (world, id) => {
    const run = world.details.flatMap((detail) => detail.runs).find((one) => one.id === id)
    if (!run) throw new FactoryError('not_found', `no run ${id}`)
    run.status = 'cancelled'
    return { run }
  },
  workerLogs: (world, id, query) => {
    const lines = world.logs.get(id) ?? []
    const after = Number(query['after'])
    return { lines: lines.slice(after), next: lines.length }
  },
  learnings: (world, _id, query) => ({ learnings: world.learnings.filter((learning) => learning.text.toLowerCase().includes(String(query['q']).toLowerCase())), mode: query['q'] ? 'text' : 'recent' }),
}

function item(world: World, id: number): WorkDetail {
  const detail = world.details.find((one) => one.item.id === id)
  if (!detail) throw new FactoryError('not_found', `there is no work item ${id}`)
  return detail
}

/** As the orchestrator does: the form is chosen first, so that the problem found names a field. */
function isLong(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'source' in body
}

function missing(name: string): never {
  throw new FactoryError('not_found', `the stub has no ${name}; codes are ${ERROR_CODES.join(', ')}`)
}

function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}$`)
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new FactoryError('bad_request', 'the request is not valid', zodDetails(parsed.error))
}
