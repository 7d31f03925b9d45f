import type { IncomingMessage, ServerResponse } from 'node:http'
import { FactoryError, type EgressRefusals, type Logger } from '@factory/shared'
import type { Client } from '@factory/orchestrator/client'
import { gitToken, type Authorize } from './auth.ts'
import type { Refusals } from './egress/refusals.ts'
import { git, type GitDeps } from './git/route.ts'
import { answerError, answerJson } from './http/answer.ts'
import { model, type ModelDeps } from './model/route.ts'
import { workerCall } from './worker-route.ts'

export type ServerDeps = { git: GitDeps; model: ModelDeps; orchestratorUrl: string; client: Client; logger: Logger; now: () => number; authorize: Authorize; refusals: Refusals }

/** Sends each request to its route and turns what is thrown into an answer. */
export function createHandler(deps: ServerDeps): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const started = deps.now()
    const path = (req.url ?? '').split('?', 1)[0] ?? ''
    void route(deps, req, res)
      .catch((error: unknown) => {
        const known = error instanceof FactoryError
        if (!known) deps.logger.error({ err: error, path }, 'request failed')
        else if (error.cause) deps.logger.warn({ err: error, path }, 'request failed')
        answerError(res, known ? error : new FactoryError('internal', 'the gateway failed'), path.startsWith('/git/') ? 'text' : 'json')
        // What is left of a refused request is read and dropped, so that its sender reads the answer.
        if (!req.readableEnded) req.unpipe().resume()
        return null
      })
      .then((run) => {
        if (path !== '/health' && path !== '/ready') deps.logger.info({ method: req.method, path, status: res.statusCode, ms: deps.now() - started, run: run ?? undefined }, 'request')
      })
  }
}

async function route(deps: ServerDeps, req: IncomingMessage, res: ServerResponse): Promise<number | null> {
  const raw = req.url ?? ''
  if (!raw.startsWith('/')) throw new FactoryError('forbidden', 'only CONNECT is proxied; plain http:// through the gateway is not')
  // The URL parser takes out `..`, so that what is matched is what is sent on.
  const url = new URL(`http://gateway${raw.startsWith('//') ? `/${raw.replace(/^\/+/, '')}` : raw}`)
  const path = url.pathname
  if (path === '/health') return answer(res, 200, { ok: true })
  if (path === '/ready') return ready(deps, res)
  if (path.startsWith('/worker/')) {
    await workerCall(deps.orchestratorUrl, req, res, path)
    return null
  }
  if (path === '/model' || path.startsWith('/model/')) return model(deps.model, req, res, path.slice('/model'.length) || '/', url.search)
  if (path.startsWith('/git/')) return git(deps.git, req, res, path.slice('/git'.length), url.searchParams)
  if (path === '/egress/refused') return refused(deps, req, res)
  throw new FactoryError('not_found', 'there is nothing at this address')
}

async function refused(deps: ServerDeps, req: IncomingMessage, res: ServerResponse): Promise<number> {
  const { runId } = await deps.authorize(gitToken(req.headers))
  answer(res, 200, { refused: deps.refusals.of(runId) } satisfies EgressRefusals)
  return runId
}

/** Ready when the orchestrator answers and takes our token: without it every request would be refused. */
async function ready(deps: ServerDeps, res: ServerResponse): Promise<null> {
  try {
    await deps.client.call('listWork', { query: { limit: 1 } })
  } catch (error) {
    throw new FactoryError('unavailable', `the orchestrator is not usable: ${error instanceof FactoryError ? `${error.message} (${error.code})` : 'its answer could not be read'}`, [], { cause: error })
  }
  return answer(res, 200, { ok: true })
}

function answer(res: ServerResponse, status: number, body: unknown): null {
  answerJson(res, status, body)
  return null
}
