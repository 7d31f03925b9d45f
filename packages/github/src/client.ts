import type { Logger } from '@factory/shared'
import { Octokit } from '@octokit/rest'
import type { Exchange } from './exchange.ts'

/** An Octokit without credentials whose every request goes by the exchange, with its time limit and its gate. */
export function buildOctokit({ apiUrl, logger, exchange }: { apiUrl: string; logger: Logger; exchange: Exchange }): Octokit {
  return new Octokit({
    baseUrl: apiUrl.replace(/\/$/, ''),
    userAgent: 'software-factory',
    log: { debug: () => {}, info: () => {}, warn: (text: string) => logger.warn(text), error: () => {} },
    request: { fetch: asFetch(exchange) },
  })
}

function asFetch(exchange: Exchange) {
  return async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { status, headers, body } = await exchange(url, {
      method: init.method ?? 'GET',
      headers: init.headers ?? {},
      ...(init.body ? { body: init.body } : {}),
      ...(init.signal ? { signal: init.signal } : {}),
    })
    // Statuses that have no body must not be given one.
    return new Response([101, 204, 205, 304].includes(status) ? null : body, { status, headers: withoutCoding(headers) })
  }
}

/** The body was unpacked when it was read. */
function withoutCoding(headers: Headers): Headers {
  const plain = new Headers(headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) plain.delete(name)
  return plain
}
