import { pause, type Logger } from '@factory/shared'
import type { Octokit } from '@octokit/rest'
import { createAppTokens } from './app.ts'
import { buildOctokit } from './client.ts'
import { createExchange } from './exchange.ts'
import { createGate } from './gate.ts'
import { createRefs, type Refs } from './refs/refs.ts'

export { explainGithubError, GithubPaused, GITHUB_ERROR_CODES, type GithubErrorCode, type GithubProblem } from './explain.ts'
export { githubCredential, githubEnv, githubEnvProblems, type GithubCredential, type GithubEnv } from './env.ts'
export type { Refs } from './refs/refs.ts'
export type { PushReport } from './refs/receive-pack.ts'
export type { Octokit } from '@octokit/rest'

export type GithubOptions = {
  token?: string | undefined
  /** Wins over `token`. */
  app?: { id: string; privateKey: string } | undefined
  apiUrl: string
  /** Where people and git find repositories. */
  webUrl: string
  logger: Logger
  /** Longest wait for a rate limit inside one call, seconds (default 30). */
  maxWaitSeconds?: number
  /** First pause before a retry after a 5xx (default 1000 ms); tests make it short. */
  retryBaseMs?: number
  /** Least time between two writes (default 1000 ms as GitHub asks; 0 for a forge on loopback). */
  paceMs?: number
  /** One request (default 20,000 ms). */
  timeoutMs?: number
  now?: () => Date
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
}

export type GitCredential = { username: string; password: string }

export type Github = {
  octokit: Octokit
  /** The clock by which waits are counted; give it to explainGithubError. */
  now(): Date
  /** Branches over git itself, which can compare and swap. */
  refs: Refs
  apiUrl: string
  webUrl: string
  /** For git over HTTP. An App's token reaches this one repository only and lives an hour. */
  gitCredential(repo: string): Promise<GitCredential>
  /** Who we are: the token's user, or the App's bot (`name[bot]`). Asked once. */
  login(): Promise<string>
}

/**
 * The one place where Octokit is built. Everything that one of these sends, REST or git, goes by one gate:
 * when the forge asks for a pause, nothing is sent before it is over. A process needs only one of it.
 */
export function createGithub(options: GithubOptions): Github {
  const now = options.now ?? (() => new Date())
  const time = { now, sleep: options.sleep ?? pause }
  const exchange = createExchange({
    logger: options.logger,
    gate: createGate(time),
    time,
    maxWaitSeconds: options.maxWaitSeconds ?? 30,
    retryBaseMs: options.retryBaseMs ?? 1000,
    paceMs: options.paceMs ?? (isLoopback(options.apiUrl) ? 0 : 1000),
    timeoutMs: options.timeoutMs ?? 20_000,
  })
  const build = () => buildOctokit({ apiUrl: options.apiUrl, logger: options.logger, exchange })
  const octokit = build()
  const apiUrl = options.apiUrl.replace(/\/$/, '')
  const webUrl = options.webUrl.replace(/\/$/, '')

  if (options.app) {
    const tokens = createAppTokens(build(), options.app)
    octokit.hook.before('request', async (request) => {
      const repo = repoOf(request)
      request.headers['authorization'] = repo ? `token ${await tokens.forRepo(repo)}` : `Bearer ${await tokens.forApp()}`
    })
    const gitCredential = async (repo: string) => ({ username: 'x-access-token', password: await tokens.forGit(repo) })
    return {
      octokit,
      now,
      refs: createRefs({ webUrl, exchange, credential: gitCredential }),
      apiUrl,
      webUrl,
      gitCredential,
      login: once(async () => `${(await octokit.rest.apps.getAuthenticated()).data?.slug ?? 'app'}[bot]`),
    }
  }

  const { token } = options
  if (token) {
    octokit.hook.before('request', (request) => {
      request.headers['authorization'] = `token ${token}`
    })
  }
  const gitCredential = async (repo: string): Promise<GitCredential> => {
    if (!token) throw new Error(`no GitHub credential for ${repo}: set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY`)
    return { username: 'x-access-token', password: token }
  }
  return {
    octokit,
    now,
    refs: createRefs({ webUrl, exchange, credential: gitCredential }),
    apiUrl,
    webUrl,
    gitCredential,
    login: once(async () => (await octokit.rest.users.getAuthenticated()).data.login),
  }
}

/**
 * Which repository a request is about: by its parameters, or by its path. GitHub's own "next page"
 * links name repositories by number, so our code counts pages instead of following them.
 */
export function repoOf(request: Record<string, unknown> & { url: string }): string | null {
  if (typeof request['owner'] === 'string' && typeof request['repo'] === 'string') return `${request['owner']}/${request['repo']}`
  const path = /\/repos\/([^/{}]+)\/([^/{}?]+)/.exec(request.url)
  return path ? `${path[1]}/${path[2]}` : null
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || hostname.startsWith('127.')
}

/** Remembers an answer, not a failure. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = null
      throw error
    })
    return loaded
  }
}
