import { FactoryError } from '@factory/shared'
import { errorResponse } from '../http/answer-error.ts'
import type { Part } from './readiness.ts'

/** Said of an orchestrator that cannot serve, too. */
const OPEN_ALWAYS: ReadonlySet<string> = new Set(['/health', '/ready'])

/**
 * The answer while a part is missing without which nothing can be served: "ask again", at once, so that no call
 * waits its time out or queues up. null: serve it.
 */
export function answerWaiting(request: Request, waiting: Part | null): Response | null {
  if (waiting === null || OPEN_ALWAYS.has(new URL(request.url).pathname)) return null
  return errorResponse(new FactoryError('unavailable', `waiting for the ${waiting.name}: ${waiting.detail}`), { 'retry-after': '1' })
}
