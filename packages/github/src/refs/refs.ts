import { redactText } from '@factory/shared'
import type { Answer, Exchange, Request } from '../exchange.ts'
import { GithubPaused } from '../explain.ts'
import { readAdvertised } from './advertised.ts'
import { readReport, renderSwap, type PushReport, type RefSwap } from './receive-pack.ts'

/** Refs of a repository over git's smart HTTP: what REST lacks, a compare-and-swap. */
export type Refs = {
  /**
   * Looks where a ref stands (null: nowhere) and gives the means to move it from there.
   * @throws GitHttpError, NoGitAnswer, or what the credential failed with; explainGithubError reads them all
   */
  look(repo: string, ref: string): Promise<{ at: string | null; swap(to: string): Promise<PushReport> }>
}

/** An answer other than 200 from git's door; of the shape that explainGithubError reads. */
class GitHttpError extends Error {
  readonly status: number
  readonly response: { headers: Record<string, string>; data: unknown }

  constructor({ status, headers, body }: Answer) {
    const text = new TextDecoder().decode(body.subarray(0, 500)).trim()
    super(redactText(text === '' || text.startsWith('<') ? `git over HTTP answers ${status}` : text))
    this.name = 'GitHttpError'
    this.status = status
    this.response = { headers: Object.fromEntries(headers), data: null }
  }
}

/** Nothing came back that could be read: a push may have been carried out. No `response`, so it reads as unreachable. */
class NoGitAnswer extends Error {
  readonly status = 500

  constructor(cause: unknown) {
    super(redactText(cause instanceof Error ? cause.message : String(cause)), { cause })
    this.name = 'NoGitAnswer'
  }
}

/** A renamed repository is redirected to, once or twice. */
const MAX_MOVES = 3

export function createRefs(deps: { webUrl: string; exchange: Exchange; credential(repo: string): Promise<{ username: string; password: string }> }): Refs {
  /** The credential goes to the forge's own origin only, wherever it redirects to. */
  const send = async (url: string, request: Request): Promise<Answer> => {
    for (let target = url, moves = 0; ; moves += 1) {
      const answer = await deps.exchange(target, { ...request, redirect: 'manual' }).catch(noAnswer)
      const location = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null
      if (answer.status === 200) return { ...answer, url: target }
      if (location === null || moves >= MAX_MOVES || !URL.canParse(location, target) || new URL(location, target).origin !== new URL(url).origin) throw new GitHttpError(answer)
      target = new URL(location, target).href
    }
  }

  return {
    async look(repo, ref) {
      const { username, password } = await deps.credential(repo)
      const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
      const suffix = '/info/refs?service=git-receive-pack'
      const found = await send(`${deps.webUrl}/${repo}.git${suffix}`, { method: 'GET', headers: { authorization } })
      const { refs, capabilities } = parsed(() => readAdvertised(found.body))
      const at = refs.get(ref) ?? null
      return {
        at,
        async swap(to) {
          const request: RefSwap = { ref, from: at, to }
          const { body } = await send(`${found.url.slice(0, -suffix.length)}/git-receive-pack`, {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/x-git-receive-pack-request', accept: 'application/x-git-receive-pack-result' },
            body: renderSwap(request, capabilities),
          })
          return parsed(() => readReport(body, ref, capabilities.includes('side-band-64k')))
        },
      }
    },
  }
}

function noAnswer(error: unknown): never {
  throw error instanceof GithubPaused ? error : new NoGitAnswer(error)
}

function parsed<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    return noAnswer(error)
  }
}
