import { api, ErrorBody, FactoryError, type Api, type EndpointName } from '@factory/shared'
import type { z } from 'zod'

type Input<N extends EndpointName> = (Api[N] extends { params: infer P extends z.ZodType } ? { params: z.input<P> } : unknown) &
  (Api[N] extends { query: infer Q extends z.ZodType } ? { query?: Partial<z.input<Q>> } : unknown) &
  (Api[N] extends { body: infer B extends z.ZodType } ? { body: z.input<B> } : unknown)

export type CallOptions = { signal?: AbortSignal }
export type Answer<N extends EndpointName> = z.output<Api[N]['response']>
export type Client = { call<N extends EndpointName>(name: N, input: Input<N>, options?: CallOptions): Promise<Answer<N>> }

export type ClientOptions = {
  baseUrl: string
  token: string
  /** Per call, milliseconds. */
  timeoutMs?: number
  fetch?: (request: Request) => Promise<Response>
}

/**
 * The typed client of the HTTP API, made from the same table as the routes; answers are parsed.
 * @throws FactoryError with the server's code, or `unavailable` when nothing answers.
 */
export function createClient(options: ClientOptions): Client {
  const send = options.fetch ?? ((request: Request) => fetch(request))
  return {
    async call(name, input, callOptions = {}) {
      const endpoint = api[name]
      const given = input as { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown }
      const path = endpoint.path.replace(/\{(\w+)\}/g, (_all, key: string) => encodeURIComponent(String(given.params?.[key])))
      const url = new URL(options.baseUrl.replace(/\/$/, '') + path)
      for (const [key, value] of Object.entries(given.query ?? {})) if (value !== undefined) url.searchParams.set(key, String(value))
      const timeout = AbortSignal.timeout(options.timeoutMs ?? 15_000)
      const request = new Request(url, {
        method: endpoint.method.toUpperCase(),
        headers: { authorization: `Bearer ${options.token}`, ...('body' in endpoint ? { 'content-type': 'application/json' } : {}) },
        ...('body' in endpoint ? { body: JSON.stringify(given.body ?? {}) } : {}),
        signal: callOptions.signal ? AbortSignal.any([timeout, callOptions.signal]) : timeout,
      })
      let response: Response
      try {
        response = await send(request)
      } catch (error) {
        throw new FactoryError('unavailable', `${options.baseUrl} does not answer: ${error instanceof Error ? error.message : String(error)}`, [], { cause: error })
      }
      const text = await response.text()
      if (!response.ok) throw readError(response.status, text)
      return endpoint.response.parse(JSON.parse(text)) as Answer<typeof name>
    },
  }
}

/** What an answer that is no success says. */
export function readError(status: number, text: string): FactoryError {
  try {
    const { error } = ErrorBody.parse(JSON.parse(text))
    return new FactoryError(error.code, error.message, error.details)
  } catch {
    return new FactoryError(status >= 500 ? 'unavailable' : 'internal', `unexpected answer ${status}: ${text.slice(0, 200)}`)
  }
}
