import { AuthorizeRequest, HTTP_STATUS, type ErrorCode, type RunGrant } from '@factory/shared'

export const FACTORY_TOKEN = 'fct_test_token_of_the_factory'

export type StubOrchestrator = {
  url: string
  grants: Map<string, RunGrant>
  /** Each call as "METHOD path". */
  calls: string[]
  /** Headers and body of the last call of the worker protocol. */
  last: { headers: Record<string, string>; body: string } | null
  stop(): Promise<void>
}

/** What the gateway needs of an orchestrator: who a token is, and somebody to pass the worker's calls to. */
export function startStubOrchestrator(): StubOrchestrator {
  const grants = new Map<string, RunGrant>()
  const calls: string[] = []
  const fail = (code: ErrorCode) => Response.json({ error: { code, message: code, details: [] } }, { status: HTTP_STATUS[code] })
  const stub: Omit<StubOrchestrator, 'url' | 'stop'> = { grants, calls, last: null }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      calls.push(`${request.method} ${pathname}`)
      if (pathname.startsWith('/worker/')) {
        stub.last = { headers: Object.fromEntries(request.headers), body: await request.text() }
        return Response.json({ passed: 'on' })
      }
      if (request.headers.get('authorization') !== `Bearer ${FACTORY_TOKEN}`) return fail('unauthorized')
      if (pathname !== '/internal/authorize') return Response.json({ items: [], next: null })
      const { token } = AuthorizeRequest.parse(await request.json())
      const grant = grants.get(token)
      if (!grant) return fail('not_found')
      return Date.parse(grant.leaseExpiresAt) < Date.now() ? fail('forbidden') : Response.json(grant)
    },
  })
  return Object.assign(stub, { url: server.url.origin, stop: async () => server.stop(true) })
}

/** What a live run may do; change what the test is about. */
export function grantFor(change: Partial<RunGrant> = {}): RunGrant {
  return {
    runId: 7,
    itemId: 3,
    kind: 'build',
    repo: 'acme/shop',
    pushRef: 'refs/factory/wip/3/12',
    model: 'claude-sonnet-4-5',
    leaseExpiresAt: new Date(Date.now() + 120_000).toISOString(),
    ...change,
  }
}
