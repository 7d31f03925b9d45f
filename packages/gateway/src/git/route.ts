import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { FactoryError, type RunGrant } from '@factory/shared'
import { gitToken, type Authorize } from '../auth.ts'
import { forward } from '../http/forward.ts'
import { requestHeaders, type Headers } from '../http/headers.ts'
import { hasBody, limited } from '../http/limit.ts'
import { receivePack } from './receive-pack.ts'

/**
 * Gives what authenticates the factory to the forge for one repository. Called for each request: a
 * caller that has to fetch a token keeps it itself.
 */
export type GitCredential = (repo: string) => Promise<{ username: string; password: string }>

export type GitDeps = { authorize: Authorize; forgeUrl: string; credential: GitCredential; /** After so much silence the forge is given up; a minute unless given. */ silenceMs?: number }
/** A request that may go on to the forge. */
export type GitPass = { url: URL; headers: Headers; grant: RunGrant; silenceMs: number; inspect: (status: number, headers: IncomingHttpHeaders) => void }

/** A forge that makes a large pack says something every few seconds; one that is silent for so long has gone. */
const SILENCE_MS = 60_000

/** Lists of wanted and known commits; a repository with 100,000 refs stays far below. */
const MAX_FETCH_BODY = 64 * 1024 * 1024
const PATH = /^\/([A-Za-z0-9-]+)\/([A-Za-z0-9._-]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/

/** `/git/<owner>/<name>.git/…`: git over HTTP for the run's own repository, pushes to its own ref. */
export async function git(deps: GitDeps, req: IncomingMessage, res: ServerResponse, path: string, query: URLSearchParams): Promise<number> {
  const match = PATH.exec(path)
  if (!match) throw new FactoryError('not_found', 'only git\'s smart HTTP protocol is served here')
  const repo = `${match[1] ?? ''}/${match[2] ?? ''}`
  const action = match[3] ?? ''
  const service = action === 'info/refs' ? (query.get('service') ?? '') : action
  const method = action === 'info/refs' ? 'GET' : 'POST'
  if (req.method !== method || !['git-upload-pack', 'git-receive-pack'].includes(service)) throw new FactoryError('not_found', 'only git\'s smart HTTP protocol is served here')
  const push = service === 'git-receive-pack'
  const grant = await deps.authorize(gitToken(req.headers), { fresh: push })
  if (grant.repo.toLowerCase() !== repo.toLowerCase()) throw new FactoryError('forbidden', `this run works on ${grant.repo}, not on ${repo}`)
  if (push && grant.kind !== 'build') throw new FactoryError('forbidden', `a ${grant.kind} run does not push`)

  const { username, password } = await deps.credential(grant.repo)
  const pass: GitPass = {
    url: new URL(`${deps.forgeUrl.replace(/\/$/, '')}/${grant.repo}.git/${action}${action === 'info/refs' ? `?service=${service}` : ''}`),
    headers: { ...requestHeaders(req.headers, 'strip'), authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    grant,
    silenceMs: deps.silenceMs ?? SILENCE_MS,
    inspect: (status, headers) => readStatus(grant.repo, status, headers),
  }
  if (action === 'git-receive-pack') await receivePack(pass, req, res)
  else await forward(res, { ...pass, method, body: hasBody(req) ? limited(req, MAX_FETCH_BODY) : null, name: 'the forge' })
  return grant.runId
}

/** The forge's answers about *our* credential must not read like answers about the run's. */
function readStatus(repo: string, status: number, headers: IncomingHttpHeaders): void {
  if (status === 401) throw new FactoryError('forbidden', `the forge refused the factory's credential for ${repo}`)
  if (status === 403) throw new FactoryError('forbidden', `the factory's credential may not do this on ${repo}`)
  if (status === 404) throw new FactoryError('not_found', `the forge has no repository ${repo}, or hides it from the factory`)
  // Following it would send git past the gateway.
  if (status >= 300 && status < 400) throw new FactoryError('not_found', `${repo} has moved${moved(headers.location)}; name it by its new name`)
  if (status === 429) throw new FactoryError('rate_limited', 'the forge asks for a pause')
  if (status >= 500) throw new FactoryError('unavailable', `the forge has a problem (${status})`)
}

function moved(location: string | undefined): string {
  if (!location || !URL.canParse(location)) return ''
  return ` to ${new URL(location).pathname.slice(1, 200).replace(/\.git\/.*$/, '')}`
}
