import { chance } from '../chance.ts'
import { pause } from '../until.ts'
import { asFields, type Fields } from './read.ts'

/** The run no longer speaks for its item: its worker ends at once and changes nothing more. */
export class Fenced extends Error {}

export type Protocol = { call(path: string, body: unknown): Promise<Fields> }

/** A call waits so long for its answer, and is then sent again to the next orchestrator. */
const ANSWER_MS = 2500
/** Longer than any store is away. */
const PATIENCE_MS = 60_000

/**
 * The worker protocol over several orchestrators, without the packages that a real worker has: a process for
 * each of a thousand runs has to begin in milliseconds. It trusts its lease for ever, unlike the real one: what
 * keeps a stale worker from doing harm here has to be the other side.
 */
export function openProtocol(options: { urls: readonly string[]; runId: number; token: string }): Protocol {
  const { urls, runId, token } = options
  let at = Math.floor(chance(`${runId} first`) * urls.length)
  const socket = urls[0]?.startsWith('unix:') ? urls[0].slice('unix:'.length) : undefined
  return {
    async call(path, body) {
      const until = performance.now() + PATIENCE_MS
      for (let tries = 0; performance.now() < until; tries += 1) {
        const answer = await send(`${socket === undefined ? urls[at % urls.length] : 'http://door'}${path}`, socket, token, body)
        if (answer !== null) return answer
        at += 1
        await pause(40 + 60 * chance(`${runId} ${tries}`))
      }
      throw new Error(`nobody answered ${path} within ${PATIENCE_MS} ms`)
    },
  }
}

/** null: nobody there, or nobody who can do it now; it may have been done. @throws Fenced */
async function send(url: string, socket: string | undefined, token: string, body: unknown): Promise<Fields | null> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_MS), ...(socket === undefined ? {} : { unix: socket }) })
    text = await response.text()
  } catch {
    return null
  }
  if (response.ok) return asFields(JSON.parse(text))
  if (response.status >= 500 || response.status === 429) return null
  if ([401, 403, 404, 409].includes(response.status)) throw new Fenced(`${response.status} ${text}`)
  throw new Error(`${url} answered ${response.status}: ${text}`)
}
