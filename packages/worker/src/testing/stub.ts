import { Assignment, AuthorizeRequest, CompleteRequest, FailRequest, HeartbeatRequest, HTTP_STATUS, LockRequest, PauseRequest, RegisterRequest, StuckRequest, zodDetails, type EgressRefusals, type ErrorCode, type LockResponse, type RunGrant } from '@factory/shared'

type Said = { heartbeats: HeartbeatRequest[]; endings: { call: string; body: CompleteRequest | FailRequest | StuckRequest | PauseRequest }[]; registers: number; refused: string[]; locked: string[] }

export type Stub = {
  url: string
  said: Said
  /** Every call is answered 503 while this is true. */
  away: boolean
  /** The next calls (not register) get this error. */
  refuse: ErrorCode | null
  command: 'continue' | 'cancel'
  /** Paths that another run holds. */
  held: string[]
  /** What the gateway has refused to the run. */
  egressRefused: string[]
  /** Resolves at the first call for which this is true; looked at after each call. */
  until(condition: (said: Said) => boolean): Promise<void>
  stop(): Promise<void>
}

const BODIES = { complete: CompleteRequest, fail: FailRequest, stuck: StuckRequest, pause: PauseRequest } as const
const isEnding = (name: string): name is keyof typeof BODIES => name in BODIES

/** The worker protocol over real HTTP, every body read by the shared schemas, and git beside it as the gateway has it. */
export function startStub(assignment: () => Assignment, token: string, git: (request: Request) => Promise<Response>): Stub {
  const said: Said = { heartbeats: [], endings: [], registers: 0, refused: [], locked: [] }
  const waiting = new Set<() => void>()
  const fail = (code: ErrorCode, message: string = code) => Response.json({ error: { code, message, details: [] } }, { status: HTTP_STATUS[code] })
  const stub: Omit<Stub, 'url' | 'until' | 'stop'> = { said, away: false, refuse: null, command: 'continue', held: [], egressRefused: [] }

  async function answer(request: Request, name: string): Promise<Response> {
    if (stub.away) return fail('unavailable')
    if (request.headers.get('authorization') !== `Bearer ${token}`) return fail('unauthorized')
    const given: unknown = await request.json()
    const refuse = (error: Parameters<typeof zodDetails>[0]) => {
      said.refused.push(`${name}: ${JSON.stringify(zodDetails(error))}`)
      return fail('bad_request')
    }
    if (name === 'register') {
      const body = RegisterRequest.safeParse(given)
      if (!body.success) return refuse(body.error)
      said.registers += 1
      return stub.refuse ? fail(stub.refuse) : Response.json(Assignment.parse(assignment()))
    }
    if (stub.refuse) return fail(stub.refuse)
    if (name === 'heartbeat') {
      const body = HeartbeatRequest.safeParse(given)
      if (!body.success) return refuse(body.error)
      said.heartbeats.push(body.data)
      return Response.json({ leaseExpiresAt: new Date(Date.now() + 120_000).toISOString(), command: stub.command, reason: stub.command === 'cancel' ? 'the issue was closed' : null })
    }
    if (name === 'lock') {
      const body = LockRequest.safeParse(given)
      if (!body.success) return refuse(body.error)
      const held = body.data.paths.filter((path) => stub.held.includes(path))
      if (held.length === 0) said.locked.push(...body.data.paths)
      return Response.json({ granted: held.length === 0, conflicts: held.map((path) => ({ path, runId: 5, itemId: 2, since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T01:00:00.000Z' })) } satisfies LockResponse)
    }
    if (!isEnding(name)) return fail('not_found')
    const body = BODIES[name].safeParse(given)
    if (!body.success) return refuse(body.error)
    said.endings.push({ call: name, body: body.data })
    return Response.json({ runStatus: 'succeeded', itemStatus: 'verifying' })
  }

  /** For a real gateway in between: it asks whose token it was given. */
  function authorize(body: unknown): Response {
    if (AuthorizeRequest.parse(body).token !== token) return fail('not_found')
    const { run, item, repo, pushRef, model } = assignment()
    return Response.json({ runId: run.id, itemId: item.id, kind: run.kind, repo, pushRef, model, leaseExpiresAt: new Date(Date.now() + 120_000).toISOString() } satisfies RunGrant)
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url)
      if (url.pathname.startsWith('/git/')) {
        url.pathname = url.pathname.slice('/git'.length)
        return git(new Request(url, request))
      }
      if (url.pathname === '/egress/refused') return request.headers.get('authorization') === `Bearer ${token}` ? Response.json({ refused: stub.egressRefused } satisfies EgressRefusals) : fail('unauthorized')
      if (url.pathname === '/internal/authorize') return authorize(await request.json())
      const response = await answer(request, url.pathname.split('/').at(-1) ?? '')
      for (const look of waiting) look()
      return response
    },
  })
  return Object.assign(stub, {
    url: server.url.origin,
    until: (condition: (said: Said) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!condition(said)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    stop: async () => server.stop(true),
  })
}

/** A build run of item 3 on acme/shop; change what the test is about. */
export function assignmentFor(change: Partial<Assignment> = {}): Assignment {
  return {
    run: { id: 7, kind: 'build', attempt: 1, token: 12 },
    item: { id: 3, title: 'Add a farewell', sourceUrl: null, spec: '# Add a farewell\n\n## Tasks\n- [ ] Say goodbye\n', description: null },
    repo: 'acme/shop',
    baseBranch: null,
    pushRef: 'refs/factory/wip/3/12',
    resume: null,
    previous: null,
    model: 'claude-sonnet-4-5',
    limits: { maxIterations: 10, maxCostUsd: 5, maxMinutes: 60, iterationMinutes: 10, setupMinutes: 5, verifyMinutes: 5 },
    learnings: [],
    commit: { name: 'Factory', email: 'factory@example.com' },
    leaseSeconds: 120,
    heartbeatSeconds: 20,
    ...change,
  }
}
