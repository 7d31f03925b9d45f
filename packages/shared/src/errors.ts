import { z } from 'zod'

/**
 * Every error that crosses a boundary carries one of these codes. HTTP answers map a code to one
 * status (see {@link HTTP_STATUS}); people and programs branch on the code, never on the message.
 */
export const ERROR_CODES = [
  'bad_request', // 400: the input's shape is wrong; details name the fields
  'unauthorized', // 401: no token, or one nobody issued
  'forbidden', // 403: a real token that may not do this
  'not_found', // 404
  'conflict', // 409: the thing is not in a state that allows this move
  'stale_token', // 409: the run has lost its lease; the caller must end itself
  'too_large', // 413
  'unprocessable', // 422: well-formed but meaningless, such as a spec without tasks
  'rate_limited', // 429
  'internal', // 500
  'unavailable', // 503: a part we depend on does not answer
] as const

export const ErrorCode = z.enum(ERROR_CODES)
export type ErrorCode = z.infer<typeof ErrorCode>

export const HTTP_STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  stale_token: 409,
  too_large: 413,
  unprocessable: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<ErrorCode, number>

/** One thing wrong with one input field. `path` is dotted ("spec", "items.0.priority"). */
export const ErrorDetail = z.object({ path: z.string(), problem: z.string() })
export type ErrorDetail = z.infer<typeof ErrorDetail>

/** The only error body the HTTP API ever sends. */
export const ErrorBody = z.object({
  error: z.object({ code: ErrorCode, message: z.string(), details: z.array(ErrorDetail).default([]) }),
})
export type ErrorBody = z.infer<typeof ErrorBody>

/** An expected failure with a code. Anything else that is thrown is a defect and becomes `internal`. */
export class FactoryError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetail[]

  constructor(code: ErrorCode, message: string, details: ErrorDetail[] = [], options?: ErrorOptions) {
    super(message, options)
    this.name = 'FactoryError'
    this.code = code
    this.details = details
  }

  toBody(): ErrorBody {
    return { error: { code: this.code, message: this.message, details: this.details } }
  }
}

/** Zod's issues as details that name the field; unknown keys are named one by one. */
export function zodDetails(error: z.ZodError): ErrorDetail[] {
  return error.issues.flatMap((issue): ErrorDetail[] => {
    const path = issue.path.map(String).join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: path ? `${path}.${key}` : key, problem: 'unknown field' }))
    }
    return [{ path: path || '(body)', problem: issue.message }]
  })
}
