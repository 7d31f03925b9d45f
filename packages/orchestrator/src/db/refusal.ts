import { FactoryError, type ErrorCode } from '@factory/shared'

/** What the database functions raise (migrations/002): codes of our own, each with words for people. */
const REFUSALS: Record<string, ErrorCode> = {
  FX001: 'conflict', // not an allowed move
  FX002: 'stale_token', // the run no longer speaks for its item
  FX003: 'unavailable', // another orchestrator leads
  FX004: 'not_found',
}

/** The error of a database function as the error that callers know; every other error as it is. */
export function refusal(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  const code = REFUSALS[error.code]
  return code ? new FactoryError(code, error.message, [], { cause: error }) : error
}

/** Another orchestrator leads: what was to be done is its to do now. */
export function isNotLeading(error: unknown): boolean {
  return error instanceof FactoryError && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'FX003'
}

/** What {@link isNotLeading} knows, said by a process that has not asked the database: its trust in its lease is over. */
export function notLeading(epoch: number): FactoryError {
  const message = `this orchestrator cannot be sure that it still leads under epoch ${epoch}`
  return new FactoryError('unavailable', message, [], { cause: Object.assign(new Error(message), { code: 'FX003' }) })
}
