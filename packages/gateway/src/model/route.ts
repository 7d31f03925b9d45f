import type { IncomingMessage, ServerResponse } from 'node:http'
import { FactoryError } from '@factory/shared'
import { z } from 'zod'
import { modelToken, type Authorize } from '../auth.ts'
import type { ModelCredential } from '../config.ts'
import { forward } from '../http/forward.ts'
import { requestHeaders, type Headers } from '../http/headers.ts'
import { hasBody, limited, readAll } from '../http/limit.ts'

/** The Messages API takes at most 32 MB. */
const MAX_BODY = 32 * 1024 * 1024
/** What makes the API accept a subscription's token as a bearer. */
const OAUTH_BETA = 'oauth-2025-04-20'

/** All that the CLI needs of the API. The rest (files, batches, account data) is not a run's business. */
const ALLOWED: readonly (readonly [methods: readonly string[], path: RegExp])[] = [
  [['POST'], /^\/v1\/messages$/],
  [['POST'], /^\/v1\/messages\/count_tokens$/],
  [['GET', 'HEAD'], /^\/$/],
  [['GET', 'HEAD'], /^\/v1\/models(\/[A-Za-z0-9._:@-]+)?$/],
]

export type ModelDeps = { authorize: Authorize; baseUrl: string; credential: ModelCredential; modelsAllow: readonly string[] }

/** `/model/*` is the Anthropic API with the run's token exchanged for the real credential. */
export async function model(deps: ModelDeps, req: IncomingMessage, res: ServerResponse, path: string, search: string): Promise<number> {
  const grant = await deps.authorize(modelToken(req.headers))
  if (!ALLOWED.some(([methods, pattern]) => methods.includes(req.method ?? '') && pattern.test(path))) {
    throw new FactoryError('not_found', `the model route does not have ${req.method ?? ''} ${path.slice(0, 100)}`)
  }
  const headers = { ...requestHeaders(req.headers, 'strip') }
  const body = !hasBody(req) ? null : deps.modelsAllow.length > 0 ? await allowedBody(req, deps.modelsAllow) : limited(req, MAX_BODY)
  if (Buffer.isBuffer(body)) headers['content-length'] = String(body.length)
  await forward(res, {
    url: new URL(deps.baseUrl.replace(/\/$/, '') + path + search),
    method: req.method ?? 'GET',
    headers: withCredential(headers, deps.credential),
    body,
    name: 'the model API',
  })
  return grant.runId
}

/** Reading the model means holding the body back, so this is done only when there is a list. */
async function allowedBody(req: IncomingMessage, allow: readonly string[]): Promise<Buffer> {
  if (req.headers['content-encoding']) throw new FactoryError('bad_request', 'a request to the model must not be compressed')
  const body = await readAll(req, MAX_BODY)
  let given: unknown
  try {
    given = JSON.parse(body.toString())
  } catch {
    throw new FactoryError('bad_request', 'the body is not JSON')
  }
  const asked = z.object({ model: z.string() }).safeParse(given)
  if (!asked.success) throw new FactoryError('bad_request', 'the body names no model')
  if (!allow.includes(asked.data.model)) throw new FactoryError('forbidden', `the model ${asked.data.model.slice(0, 100)} is not in this factory's MODELS_ALLOW`)
  return body
}

function withCredential(headers: Headers, credential: ModelCredential): Headers {
  if (credential.kind === 'api-key') return { ...headers, 'x-api-key': credential.key }
  const betas = [headers['anthropic-beta'] ?? []].flat().flatMap((value) => value.split(',')).map((beta) => beta.trim()).filter(Boolean)
  return { ...headers, authorization: `Bearer ${credential.token}`, 'anthropic-beta': [...new Set([...betas, OAUTH_BETA])].join(',') }
}
