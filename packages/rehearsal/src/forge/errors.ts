export type FieldError = { resource: string; code: 'missing' | 'missing_field' | 'invalid' | 'already_exists' | 'custom' | 'unprocessable'; field?: string; message?: string }

/** An answer that GitHub gives instead of the wanted one; `message` and `errors` as GitHub words them. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly errors: readonly FieldError[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, errors?: readonly FieldError[], headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.errors = errors
    this.headers = headers
  }

  toResponse(): Response {
    const body = { message: this.message, ...(this.errors ? { errors: this.errors } : {}), documentation_url: 'https://docs.github.com/rest', status: String(this.status) }
    return Response.json(body, { status: this.status, headers: this.headers })
  }
}

export const notFound = (message = 'Not Found'): ApiError => new ApiError(404, message)
export const invalid = (...errors: FieldError[]): ApiError => new ApiError(422, 'Validation Failed', errors)
