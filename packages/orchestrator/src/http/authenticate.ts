import { FactoryError, type Audience } from '@factory/shared'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Caller } from './handlers.ts'

export type Authentication = {
  /** FACTORY_TOKEN. */
  personToken: string
  /** The run that a token was issued to, live or ended; null for a token nobody issued. */
  authenticateRun(token: string): Promise<{ runId: number; itemId: number; token: number } | null>
}

/**
 * Decides who is calling. No token, or one nobody issued, is `unauthorized`; a real one of the wrong
 * kind is `forbidden`, and so is a run that speaks for another (`claimedRun` is the id in the path).
 * @throws FactoryError
 */
export async function authenticate(auth: Authentication, audience: Audience, authorization: string | undefined, claimedRun: string | undefined): Promise<Caller> {
  if (audience === 'public') return { kind: 'public' }
  const token = readBearer(authorization)
  if (token === null) throw new FactoryError('unauthorized', 'this needs the header "Authorization: Bearer <token>"')
  if (sameSecret(token, auth.personToken)) {
    if (audience === 'run') throw new FactoryError('forbidden', 'only the run itself may call this, with its own token')
    return { kind: 'person' }
  }
  const run = await auth.authenticateRun(token)
  if (!run) throw new FactoryError('unauthorized', 'nobody issued this token')
  if (audience === 'person') throw new FactoryError('forbidden', "a run's token is good for the worker protocol only")
  if (claimedRun !== undefined && claimedRun !== String(run.runId)) throw new FactoryError('forbidden', `this token belongs to run ${run.runId}`)
  return { kind: 'run', ...run }
}

function readBearer(header: string | undefined): string | null {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1] ?? null
}

/**
 * A browser that opens `/docs` cannot send a bearer token by itself, but asks for a password: the token
 * may stand there, with any user name. Only for pages that can be read and change nothing.
 */
export function bearerFromBasic(header: string | undefined): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return header
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  return `Bearer ${text.slice(text.indexOf(':') + 1)}`
}

/** In constant time; hashing first makes the lengths equal. */
function sameSecret(given: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return right !== '' && timingSafeEqual(digest(given), digest(right))
}
