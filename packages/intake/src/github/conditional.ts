import { z } from 'zod'

/** As much of Octokit's answer as a conditional request needs. */
type Answer<T> = { data: T; headers: { etag?: string | undefined; link?: string | undefined } }
type Kept<T> = { data: T; etag: string; hasNext: boolean }
export type Conditional<T> = {
  /** `send` gets the headers to put on the request. `fresh` is false when GitHub said 304. */
  get(key: string, send: (headers: Record<string, string>) => Promise<Answer<T>>): Promise<{ data: T; hasNext: boolean; fresh: boolean }>
}

/** Enough for every page of every list; an entry that is dropped only costs one full answer. */
const MAX_ENTRIES = 5000
const NotModified = z.object({ status: z.literal(304) })

/**
 * Remembers answers by their ETag. GitHub answers 304 to an unchanged question, which costs nothing of
 * the rate limit; so polling often is cheap.
 */
export function createConditional<T>(): Conditional<T> {
  const kept = new Map<string, Kept<T>>()
  return {
    async get(key, send) {
      const known = kept.get(key)
      try {
        const { data, headers } = await send(known ? { 'if-none-match': known.etag } : {})
        const hasNext = /rel="?next"?/.test(headers.link ?? '')
        kept.delete(key)
        if (headers.etag) kept.set(key, { data, etag: headers.etag, hasNext })
        const oldest = kept.size > MAX_ENTRIES ? kept.keys().next().value : undefined
        if (oldest !== undefined) kept.delete(oldest)
        return { data, hasNext, fresh: true }
      } catch (error) {
        if (known && NotModified.safeParse(error).success) return { data: known.data, hasNext: known.hasNext, fresh: false }
        throw error
      }
    },
  }
}
