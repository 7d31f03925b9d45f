import { Assignment, AuthorizeRequest, CompleteRequest, FailRequest, HeartbeatRequest, HTTP_STATUS, LockRequest, PauseRequest, RegisterRequest, StuckRequest, zodDetails, type EgressRefusals, type ErrorCode, type LockResponse, type RunGrant } from '@factory/shared'

type Said = { heartbeats: HeartbeatRequest[]; endings: { call: string; body: CompleteRequest | FailRequest | StuckRequest | PauseRequest }[]; registers: number; refused: string[]; locked: string[]; pushes: number; unanswered: number }

export type Stub = {
  url: string
  said: Said
  /** Every call is answered 503 while this is true. */
  away: boolean
  /** Calls get this error (all, or those of `refuses`). */
  refuse: ErrorCode | null
  refuses: string[] | null
  command: 'continue' | 'cancel'
  /** Calls that are taken and never answered; `name/half`: whose answer breaks off; `name/late`: that are done first. */
  deaf: string[]
  /** Calls that are answered 503. */
  down: string[]
  /** Of so many endings that come next, what was done is kept and the answer is lost. */
  loseAnswers: number
  /** Milliseconds without a heartbeat after which the run is silent. It is given up then (every call is stale), unless the stub is away. */
  givesUpAfterMs: number | null
  readonly silent: boolean
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
  const said: Said = { heartbeats: [], endings: [], registers: 0, refused: [], locked: [], pushes: 0, unanswered: 0 }
  const waiting = new Set<() => void>()
  const fail = (code: ErrorCode, message: string = code) => Response.json({ error: { code, message, details: [] } }, { status: HTTP_STATUS[code] })
  let givenUp = false
  let silent = false
  let ended = false
  let patience: ReturnType<typeof setTimeout> | undefined
  const look = () => {
    for (const one of waiting) one()
  }
  const stub = {
    said,
    away: false,
    refuse: null as ErrorCode | null,
    refuses: null as string[] | null,
    command: 'continue' as Stub['command'],
    deaf: [] as string[],
    down: [] as string[],
    loseAnswers: 0,
    givesUpAfterMs: null as number | null,
    get silent() {
      return silent
    },
    held: [] as string[],
    egressRefused: [] as string[],
  } satisfies Omit<Stub, 'url' | 'until' | 'stop'>

  const refused = (name: string) => (stub.refuse && (stub.refuses?.includes(name) ?? true) ? fail(stub.refuse) : null)

  function renew(): void {
    clearTimeout(patience)
    if (stub.givesUpAfterMs === null) return
    patience = setTimeout(() => {
      silent = true
      givenUp = !stub.away
      look()
    }, stub.givesUpAfterMs)
  }

  function count(): void {
    said.unanswered += 1
    look()
  }
  async function unanswered(): Promise<never> {
    count()
    return new Promise(() => undefined)
  }

  async function answer(request: Request, name: string): Promise<Response> {
    if (stub.away || stub.down.includes(name)) return fail('unavailable')
    if (request.headers.get('authorization') !== `Bearer ${token}`) return fail('unauthorized')
    const given: unknown = await request.json()
    if (stub.deaf.includes(name)) return unanswered()
    if (stub.deaf.includes(`${name}/half`)) return new Response(new ReadableStream({ start: (body) => (count(), body.enqueue(new TextEncoder().encode('{"lease'))) }), { headers: { 'content-type': 'application/json' } })
    if (givenUp) return fail('stale_token', 'run 7 has ended (lost); it no longer speaks for item 3')
    const refuse = (error: Parameters<typeof zodDetails>[0]) => {
      said.refused.push(`${name}: ${JSON.stringify(zodDetails(error))}`)
      return fail('bad_request')
    }
    if (name === 'register') {
      const body = RegisterRequest.safeParse(given)
      if (!body.success) return refuse(body.error)
      said.registers += 1
      ended = false
      renew()
      return refused(name) ?? Response.json(Assignment.parse(assignment()))
    }
    const no = refused(name)
    if (no) return no
    if (ended && !isEnding(name)) return fail('stale_token', 'run 7 has ended')
    if (name === 'heartbeat') {
      const body = HeartbeatRequest.safeParse(given)
      if (!body.success) return refuse(body.error)
      said.heartbeats.push(body.data)
      renew()
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
    clearTimeout(patience)
    ended = true
    said.endings.push({ call: name, body: body.data })
    if (stub.deaf.includes(`${name}/late`)) return unanswered()
    if (stub.loseAnswers > 0) {
      stub.loseAnswers -= 1
      return fail('unavailable', 'done, but the answer is lost')
    }
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
        if (stub.away) return fail('unavailable')
        if (request.method === 'POST' && url.pathname.endsWith('/git-receive-pack')) said.pushes += 1
        return git(new Request(url, request))
      }
      if (url.pathname === '/egress/refused') return request.headers.get('authorization') === `Bearer ${token}` ? Response.json({ refused: stub.egressRefused } satisfies EgressRefusals) : fail('unauthorized')
      if (url.pathname === '/internal/authorize') return authorize(await request.json())
      const response = await answer(request, url.pathname.split('/').at(-1) ?? '')
      look()
      return response
    },
  })
  return Object.assign(stub, {
    url: server.url.origin,
    until: (condition: (said: Said) => boolean) =>
      new Promise<void>((resolve) => {
        const one = () => {
          if (!condition(said)) return
          waiting.delete(one)
          resolve()
        }
        waiting.add(one)
        one()
      }),
    async stop() {
      clearTimeout(patience)
      await server.stop(true)
    },
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
