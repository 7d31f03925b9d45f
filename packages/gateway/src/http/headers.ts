import type { IncomingHttpHeaders } from 'node:http'

export type Headers = Record<string, string | string[]>

/** Meant for one connection only (RFC 9110, 7.6.1), or telling of a path that ends here. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'expect', 'forwarded', 'via', 'x-real-ip'])
const CREDENTIALS = new Set(['authorization', 'x-api-key', 'cookie'])
const FROM_UPSTREAM = new Set(['set-cookie', 'www-authenticate', 'alt-svc', 'strict-transport-security'])

/** A request's headers for the next server. `credentials: 'strip'` takes out everything that authenticates. */
export function requestHeaders(headers: IncomingHttpHeaders, credentials: 'strip' | 'keep'): Headers {
  return pick(headers, (name) => !name.startsWith('x-forwarded-') && (credentials === 'keep' ? name !== 'cookie' : !CREDENTIALS.has(name)))
}

/** An answer's headers for the client: no cookies, no challenges of a server that it does not talk to. */
export function responseHeaders(headers: IncomingHttpHeaders): Headers {
  return pick(headers, (name) => !FROM_UPSTREAM.has(name))
}

function pick(headers: IncomingHttpHeaders, keep: (name: string) => boolean): Headers {
  const named = new Set(String(headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()))
  const result: Headers = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP.has(name) && !named.has(name) && keep(name)) result[name] = value
  }
  return result
}
