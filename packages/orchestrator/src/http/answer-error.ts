import { FactoryError, HTTP_STATUS, type Logger } from '@factory/shared'
import { isStoreAway } from '../db/away.ts'

/**
 * The one place where errors become answers. Expected ones carry their code; the store being away is
 * `unavailable`; anything else is a defect: logged whole under the request's id and told as `internal`
 * without a word of it.
 */
export function answerError(error: unknown, request: { id: string; log: Logger; route: string }): Response {
  const known = expected(error)
  if (known && HTTP_STATUS[known.code] < 500) return errorResponse(known)
  if (known) {
    request.log.warn({ err: known, requestId: request.id, route: request.route }, 'request not served')
    return errorResponse(known, { 'retry-after': '1' })
  }
  request.log.error({ err: error, requestId: request.id, route: request.route }, 'request failed')
  return errorResponse(new FactoryError('internal', `something went wrong here; the log has it under request ${request.id}`))
}

export function errorResponse(error: FactoryError, headers: Record<string, string> = {}): Response {
  const more: Record<string, string> = error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="factory"', ...headers } : headers
  return Response.json(error.toBody(), { status: HTTP_STATUS[error.code], headers: more })
}

function expected(error: unknown): FactoryError | null {
  if (error instanceof FactoryError) return error
  if (isStoreAway(error)) return new FactoryError('unavailable', 'the database does not answer', [], { cause: error })
  return null
}
