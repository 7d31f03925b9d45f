import {
  api,
  CreateWorkLong,
  FactoryError,
  HTTP_STATUS,
  isTerminalWork,
  NO_USAGE,
  zodDetails,
  type EndpointName,
  type FactoryEvent,
  type Run,
  type WorkItem,
  type WorkStatus,
} from '@factory/shared'

/**
 * A stand-in for the orchestrator, for tests: the calls that intake makes, over real HTTP, parsed and
 * answered by the shared schemas, with the rules of the real one that matter here.
 */
export type StubOrchestrator = {
  url: string
  token: string
  /** Names of the calls that changed something, in order. */
  calls: { name: EndpointName; id: number | null; body: unknown }[]
  items: Map<number, WorkItem>
  item(sourceId: string): WorkItem | undefined
  /** Moves an item as the factory would, with its event. */
  move(id: number, status: WorkStatus, change?: Partial<WorkItem>): void
  /** A build run exists from now on: texts are fixed. */
  build(id: number): void
  /** What `getWork` says of an item's waiting besides what is on record, without a new revision. */
  derived: Map<number, WorkItem['waiting']>
  /** Breaks every event stream; `silent` refuses new ones until called again with false. */
  dropStreams(refuse?: boolean): void
  /** `Last-Event-ID` of each connection to the stream. */
  streams: (string | null)[]
  /** While true every call is answered 503. */
  down: boolean
  stop(): Promise<void>
}

const at = () => new Date().toISOString()

export function startOrchestrator(): StubOrchestrator {
  const items = new Map<number, WorkItem>()
  const events: FactoryEvent[] = []
  const built = new Map<number, Run>()
  const derived: StubOrchestrator['derived'] = new Map()
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>()
  const encoder = new TextEncoder()
  const streams: (string | null)[] = []
  const calls: StubOrchestrator['calls'] = []
  let refusing = false

  const frame = (event: FactoryEvent) => encoder.encode(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  const emit = (type: FactoryEvent['type'], itemId: number, data: Record<string, unknown>) => {
    const event: FactoryEvent = { id: String(events.length + 1), at: at(), type, itemId, runId: null, data }
    events.push(event)
    for (const listener of listeners) listener.enqueue(frame(event))
  }
  const need = (id: number | undefined): WorkItem => {
    const item = items.get(id ?? -1)
    if (!item) throw new FactoryError('not_found', `there is no work item ${id}`)
    return item
  }
  const patch = (id: number, change: Partial<WorkItem>): WorkItem => {
    const old = need(id)
    const item = { ...old, ...change, revision: old.revision + 1, updatedAt: at() }
    items.set(id, item)
    return item
  }
  const move: StubOrchestrator['move'] = (id, status, change = {}) => {
    const from = need(id).status
    patch(id, { ...change, status })
    emit('work.status', id, { from, to: status, reason: 'test' })
  }

  type Input = { id: number | undefined; query: Record<string, unknown>; body: unknown }
  const handlers: Partial<Record<EndpointName, (input: Input) => unknown>> = {
    createWork({ body }) {
      const input = CreateWorkLong.parse(body)
      const known = [...items.values()].find((item) => item.source === input.source && item.sourceId === input.sourceId)
      if (known) return { item: known, created: false }
      const id = items.size + 1
      const now = at()
      const item: WorkItem = {
        id, source: input.source, sourceId: input.sourceId, sourceUrl: input.sourceUrl ?? null, repo: input.repo, title: input.title ?? 'Untitled',
        status: input.spec === undefined ? 'drafting' : 'queued', priority: input.priority ?? 'medium', author: input.author ?? null,
        createdAt: now, updatedAt: now, queuedAt: now, waiting: null, attempts: 0, maxAttempts: 3, losses: 0, run: null, branch: null, pull: null, failure: null, question: null,
        usage: NO_USAGE, revision: 1, reportedRevision: 0, spec: input.spec ?? null, description: input.description ?? null, baseBranch: null, environment: null, evidence: null,
      }
      items.set(id, item)
      emit('work.created', id, {})
      return { item, created: true }
    },
    listWork({ query }) {
      const found = [...items.values()]
        .filter((item) => query['source'] === undefined || item.source === query['source'])
        .filter((item) => query['sourceId'] === undefined || item.sourceId === query['sourceId'])
        .filter((item) => query['repo'] === undefined || item.repo === query['repo'])
        .filter((item) => query['active'] !== true || !isTerminalWork(item.status))
        .filter((item) => query['unreported'] !== true || item.revision > item.reportedRevision)
        .filter((item) => query['before'] === undefined || item.id < Number(query['before']))
        .sort((a, b) => b.id - a.id)
        .slice(0, Number(query['limit']))
      return { items: found, next: found.length === query['limit'] ? (found.at(-1)?.id ?? null) : null }
    },
    getWork: ({ id }) => ({ item: { ...need(id), waiting: derived.get(id ?? -1) ?? need(id).waiting }, runs: [built.get(id ?? -1)].filter(Boolean), events: events.filter((event) => event.itemId === id) }),
    editWork({ id, body }) {
      const item = need(id)
      const input = api.editWork.body.parse(body)
      const text = input.spec !== undefined || input.description !== undefined || input.title !== undefined
      const early = ['drafting', 'awaiting_approval', 'queued'].includes(item.status) && !built.has(item.id)
      if (text && !early && item.status !== 'needs_input') throw new FactoryError('conflict', `work item ${item.id} is ${item.status}`)
      const change = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
      const edited = patch(item.id, { ...change, ...(input.description !== undefined && input.spec === undefined ? { spec: null } : {}) })
      emit('work.edited', item.id, {})
      return { item: edited }
    },
    cancelWork({ id }) {
      const item = need(id)
      if (isTerminalWork(item.status) && item.status !== 'cancelled') throw new FactoryError('conflict', `work item ${item.id} is ${item.status}`)
      move(item.id, 'cancelled')
      return { item: need(id) }
    },
    retryWork({ id }) {
      const item = need(id)
      if (item.status === 'completed' || item.status === 'in_progress') throw new FactoryError('conflict', `work item ${item.id} is ${item.status}`)
      move(item.id, item.spec === null ? 'drafting' : 'queued', { question: null, failure: null })
      return { item: need(id) }
    },
    reportWork({ id, body }) {
      const item = need(id)
      const { revision } = api.reportWork.body.parse(body)
      items.set(item.id, { ...item, reportedRevision: Math.max(item.reportedRevision, Math.min(revision, item.revision)) })
      return { reportedRevision: need(id).reportedRevision }
    },
  }

  const stream = (request: Request): Response => {
    if (refusing) return new Response(null, { status: 503 })
    const lastId = request.headers.get('last-event-id')
    streams.push(lastId)
    let own: ReadableStreamDefaultController<Uint8Array> | null = null
    return new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          own = controller
          listeners.add(controller)
          controller.enqueue(encoder.encode(': hello\n\n'))
          if (lastId !== null) for (const event of events.slice(Number(lastId))) controller.enqueue(frame(event))
        },
        cancel() {
          if (own) listeners.delete(own)
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    )
  }

  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    if (request.headers.get('authorization') !== `Bearer ${stub.token}`) throw new FactoryError('unauthorized', 'no token')
    if (stub.down) throw new FactoryError('unavailable', 'down')
    if (url.pathname === '/api/events') return stream(request)
    for (const [name, handle] of Object.entries(handlers)) {
      const endpoint = api[readName(name)]
      const found = new RegExp(`^${endpoint.path.replace('{id}', '(\\d+)')}$`).exec(url.pathname)
      if (!found || request.method.toLowerCase() !== endpoint.method) continue
      const query = 'query' in endpoint ? endpoint.query.parse(Object.fromEntries(url.searchParams)) : {}
      const body: unknown = 'body' in endpoint ? endpoint.body.parse(await request.json()) : undefined
      const id = found[1] === undefined ? undefined : Number(found[1])
      if (endpoint.method !== 'get') calls.push({ name: readName(name), id: id ?? null, body })
      return Response.json(endpoint.response.parse(handle({ id, query, body })))
    }
    throw new FactoryError('not_found', `${request.method} ${url.pathname}`)
  }

  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch: (request) =>
      answer(request).catch((error: unknown) => {
        const known = error instanceof FactoryError ? error : new FactoryError('bad_request', String(error), isZod(error) ? zodDetails(error) : [])
        return Response.json(known.toBody(), { status: HTTP_STATUS[known.code] })
      }),
  })

  const stub: StubOrchestrator = {
    url: `http://127.0.0.1:${server.port}`,
    token: 'fct_test-token',
    calls,
    items,
    derived,
    streams,
    down: false,
    item: (sourceId) => [...items.values()].find((item) => item.sourceId === sourceId),
    move,
    build(id) {
      const { repo, title } = need(id)
      built.set(id, {
        id: 1, itemId: id, repo, title, kind: 'build', status: 'running', attempt: 1, token: 1, runtime: null, worker: 'w', startedAt: at(), finishedAt: null, leaseExpiresAt: at(), heartbeatAt: null,
        progress: null, outcome: null, usage: NO_USAGE, baseSha: null, headSha: null,
      })
    },
    dropStreams(refuse = false) {
      refusing = refuse
      for (const listener of listeners) listener.close()
      listeners.clear()
    },
    stop: async () => void (await server.stop(true)),
  }
  return stub
}

function readName(name: string): EndpointName {
  const known = Object.keys(api).find((candidate): candidate is EndpointName => candidate === name)
  if (!known) throw new Error(`no endpoint ${name}`)
  return known
}

function isZod(error: unknown): error is Parameters<typeof zodDetails>[0] {
  return error instanceof Error && 'issues' in error
}
