import type { Logger } from '@factory/shared'
import { GithubPaused } from './explain.ts'
import type { Gate, GateTime } from './gate.ts'
import { readLimit } from './limit.ts'

export type Answer = { url: string; status: number; headers: Headers; body: Uint8Array<ArrayBuffer> }
export type Request = { method: string; headers: HeadersInit; body?: BodyInit; signal?: AbortSignal; redirect?: 'follow' | 'manual' }
export type Exchange = (url: string, request: Request) => Promise<Answer>

export type ExchangeSettings = {
  logger: Logger
  gate: Gate
  time: GateTime
  /** Longest wait for a limit inside one call, seconds. Longer ones fail at once and say until when. */
  maxWaitSeconds: number
  /** First pause after a 5xx or a broken connection, milliseconds; the second is four times as long. */
  retryBaseMs: number
  /** GitHub asks for a second between writes. 0: no pacing. */
  paceMs: number
  /** One request with its whole answer, milliseconds. */
  timeoutMs: number
}

/** Further tries of one call after a 5xx or no answer, and after a short limit. */
const MORE_TRIES = 2

/**
 * The one way of this process to a forge. Each request has a time limit that covers the whole answer: one
 * that breaks off in its middle is no answer. A call that was refused because of a limit was not carried
 * out, so it is sent again where the wait is short. After a 5xx or no answer everything is sent again but
 * POST: that may have been carried out, so whoever sent it has to look before he sends another.
 *
 * Octokit's throttling plugin is not used for this: it puts off the one call that was refused and lets all
 * others go on, which is what GitHub's secondary limits punish.
 */
export function createExchange(settings: ExchangeSettings): Exchange {
  const { logger, gate, time, maxWaitSeconds, retryBaseMs, timeoutMs } = settings
  const paced = createPacer(settings.paceMs, time)

  const once = async (url: string, { signal, ...request }: Request): Promise<{ answer: Answer; until: Date | null }> => {
    await gate.pass(maxWaitSeconds * 1000, signal)
    const limit = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, { ...request, signal: signal ? AbortSignal.any([signal, limit]) : limit })
    const answer = { url: response.url, status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) }
    const until = readLimit(answer.status, (name) => answer.headers.get(name) ?? undefined, answer.status < 400 ? '' : new TextDecoder().decode(answer.body), time.now())
    if (until) {
      logger.warn({ until: until.toISOString(), status: answer.status, method: request.method, url }, 'GitHub asks us to slow down')
      gate.close(until)
    }
    return { answer, until }
  }

  return async (url, request) => {
    const send = () => (request.method === 'GET' || request.method === 'HEAD' ? once(url, request) : paced(() => once(url, request)))
    for (let failures = 0, waits = 0; ; ) {
      const result = await send().catch((error: unknown) => ({ error }))
      if ('answer' in result && result.answer.status < 500) {
        const { answer, until } = result
        if (!until || until.getTime() - time.now().getTime() > maxWaitSeconds * 1000 || waits++ >= MORE_TRIES) return answer
        continue
      }
      if ('error' in result && result.error instanceof GithubPaused) throw result.error
      if (request.method === 'POST' || failures++ >= MORE_TRIES || request.signal?.aborted === true) {
        if ('error' in result) throw result.error
        return result.answer
      }
      await time.sleep(retryBaseMs * failures ** 2, request.signal)
    }
  }
}

/** One at a time, and a new one not before `paceMs` after the last began. */
function createPacer(paceMs: number, time: GateTime): <T>(work: () => Promise<T>) => Promise<T> {
  if (paceMs === 0) return (work) => work()
  let last: Promise<unknown> = Promise.resolve()
  let notBefore = 0
  return (work) => {
    const turn = last.then(async () => {
      const wait = notBefore - time.now().getTime()
      if (wait > 0) await time.sleep(wait)
      notBefore = time.now().getTime() + paceMs
      return work()
    })
    last = turn.catch(() => undefined)
    return turn
  }
}
