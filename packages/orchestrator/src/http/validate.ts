import { api, CreateWorkLong, CreateWorkShort, FactoryError, zodDetails, type Endpoint, type EndpointName, type ErrorDetail } from '@factory/shared'
import type { z } from 'zod'

/** Parses one part of a request, or says which field is wrong. */
export function parsePart<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const details = zodDetails(parsed.error)
  throw new FactoryError('bad_request', summarize(details), details)
}

/**
 * The schema that a body is held against. A union would answer "invalid input" without a field, so
 * `POST /api/work` is read as one of its two forms by what tells them apart: whether it names a `source`.
 */
export function bodySchema(name: EndpointName, body: unknown): z.ZodType | undefined {
  if (name === 'createWork') return typeof body === 'object' && body !== null && 'source' in body ? CreateWorkLong : CreateWorkShort
  const endpoint: Endpoint = api[name]
  return endpoint.body
}

/**
 * Reads JSON. An empty body is `{}`: many calls have nothing but defaults. NUL and broken surrogate
 * pairs, which PostgreSQL takes neither in text nor in jsonb, become U+FFFD.
 */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new FactoryError('bad_request', `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`, [{ path: '(body)', problem: 'is not JSON' }])
  }
  return /\\u(?:0000|d[89a-f])/i.test(text) ? storable(value) : value
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), storable(inner)]))
}

export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

function summarize(details: readonly ErrorDetail[]): string {
  const shown = details.slice(0, 3).map((detail) => `${detail.path}: ${detail.problem}`).join('; ')
  return details.length > 3 ? `${shown}; and ${details.length - 3} more` : shown
}
