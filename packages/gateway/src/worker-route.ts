import type { IncomingMessage, ServerResponse } from 'node:http'
import { api, FactoryError, type Endpoint } from '@factory/shared'
import { forward } from './http/forward.ts'
import { requestHeaders } from './http/headers.ts'
import { hasBody, limited } from './http/limit.ts'

/** An ending carries at most 2000 events, a report and a spec. */
const MAX_BODY = 64 * 1024 * 1024

/** The calls that are a run's own, made from the table of the API; nothing else of it can be reached from here. */
const calls = Object.values<Endpoint>(api)
  .filter(({ audience }) => audience === 'run')
  .map(({ method, path }) => ({ method: method.toUpperCase(), pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '\\d+')}$`) }))

/** `/worker/*`: the worker protocol, with the run's own token, which the orchestrator checks itself. */
export async function workerCall(orchestratorUrl: string, req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
  if (!calls.some(({ method, pattern }) => method === req.method && pattern.test(path))) {
    throw new FactoryError('not_found', `the worker protocol has no ${req.method ?? ''} ${path.slice(0, 100)}`)
  }
  await forward(res, {
    url: new URL(orchestratorUrl.replace(/\/$/, '') + path),
    method: req.method ?? 'GET',
    headers: requestHeaders(req.headers, 'keep'),
    body: hasBody(req) ? limited(req, MAX_BODY) : null,
    name: 'the orchestrator',
  })
}
