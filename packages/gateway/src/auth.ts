import type { IncomingHttpHeaders } from 'node:http'
import type { Client } from '@factory/orchestrator/client'
import { FactoryError, type RunGrant } from '@factory/shared'

/**
 * Whose token is this, and what may that run do?
 * `fresh`: ask the orchestrator even when the answer is in the cache, for what cannot be taken back.
 * @throws FactoryError `unauthorized`, `stale_token` or `unavailable`
 */
export type Authorize = (token: string | null, options?: { fresh?: boolean }) => Promise<RunGrant>

/** How long a yes is believed. A no is asked again every time. */
const CACHE_MS = 5000

export function createAuthorizer(client: Client, now: () => number): Authorize {
  const cache = new Map<string, { grant: RunGrant; until: number }>()
  const asked = new Map<string, Promise<RunGrant>>()

  async function ask(token: string): Promise<RunGrant> {
    try {
      const grant = await client.call('authorize', { body: { token } })
      const at = now()
      for (const [key, { until }] of cache) if (until <= at) cache.delete(key)
      cache.set(token, { grant, until: Math.min(at + CACHE_MS, Date.parse(grant.leaseExpiresAt)) })
      return grant
    } catch (error) {
      cache.delete(token)
      throw await readRefusal(client, error)
    }
  }

  return async (token, options = {}) => {
    if (!token) throw new FactoryError('unauthorized', 'a run token is needed')
    // Longer than any token we issue; the orchestrator would refuse the call's shape, not the token.
    if (token.length > 300) throw new FactoryError('unauthorized', 'no run has this token')
    const known = cache.get(token)
    if (!options.fresh && known && known.until > now()) return known.grant
    const running = options.fresh ? undefined : asked.get(token)
    if (running) return running
    const answer = ask(token).finally(() => {
      if (asked.get(token) === answer) asked.delete(token)
    })
    asked.set(token, answer)
    return answer
  }
}

/**
 * The orchestrator says 401 both to a run token that it does not know and to a wrong FACTORY_TOKEN of
 * ours. The first must end the run, the second must not: a call with our token alone tells them apart.
 */
async function readRefusal(client: Client, error: unknown): Promise<FactoryError> {
  if (!(error instanceof FactoryError)) return new FactoryError('unavailable', 'the orchestrator gave an unreadable answer', [], { cause: error })
  if (error.code === 'stale_token' || error.code === 'conflict') return new FactoryError('stale_token', 'this run has ended or lost its lease')
  if (error.code === 'not_found') return new FactoryError('unauthorized', 'no run has this token')
  if (error.code === 'unauthorized' || error.code === 'forbidden') {
    const ours = await client.call('listWork', { query: { limit: 1 } }).then(
      () => null,
      (problem: unknown) => (problem instanceof FactoryError ? problem : null),
    )
    if (ours && ours.code !== 'internal') return new FactoryError('unavailable', 'the orchestrator refuses the gateway: its FACTORY_TOKEN differs, or it is not ready')
    // Our own token is good, so "forbidden" is about the run: it was known and has ended.
    return error.code === 'forbidden' ? new FactoryError('stale_token', 'this run has ended') : new FactoryError('unauthorized', 'no run has this token')
  }
  return new FactoryError('unavailable', 'the orchestrator does not answer')
}

const bearer = (value: string | undefined) => /^Bearer\s+(\S+)$/i.exec(value ?? '')?.[1] ?? null

/** The password of basic authentication; the user name is not looked at. */
function basicPassword(value: string | undefined): string | null {
  const encoded = /^Basic\s+(\S+)$/i.exec(value ?? '')?.[1]
  if (!encoded) return null
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? null : text.slice(colon + 1) || null
}

const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)

/** Where the Anthropic SDK puts a key or a token. */
export const modelToken = (headers: IncomingHttpHeaders) => one(headers['x-api-key']) || bearer(headers.authorization)
/** Where git puts it. */
export const gitToken = (headers: IncomingHttpHeaders) => bearer(headers.authorization) ?? basicPassword(headers.authorization)
/** Where a program puts the credentials of `http://run:TOKEN@proxy`. */
export const proxyToken = (headers: IncomingHttpHeaders) => basicPassword(headers['proxy-authorization']) ?? bearer(headers['proxy-authorization'])
