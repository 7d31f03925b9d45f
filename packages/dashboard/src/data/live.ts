import { readEventStream, type ServerSentEvent } from '@factory/shared'

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  /** `since`: when the last sign of life came, epoch milliseconds; null before the first. */
  | { state: 'reconnecting'; attempt: number; since: number | null; reason: string }
  /** The token is refused; trying again would not help. */
  | { state: 'refused' }

export type LiveOptions = {
  url: string
  token: string
  onEvent(event: ServerSentEvent): void
  onConnection(connection: Connection): void
  signal: AbortSignal
  fetch: (url: string, init: RequestInit) => Promise<Response>
  now(): number
  random(): number
  /** Resolves after the time or when the signal ends. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

/** The server pings every 15 s; three missed pings are a dead connection that nobody closed. */
export const SILENCE_MS = 45_000
const FIRST_DELAY_MS = 500
const LAST_DELAY_MS = 15_000

/** Milliseconds before try number `attempt` (from 1): doubling, capped, spread so that many open pages do not return at once. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 10))
  return Math.round(full / 2 + (full / 2) * random)
}

/**
 * Follows the event stream until the signal ends, reconnecting behind the last event seen. Returns
 * when the signal ends or the token is refused; never throws.
 */
export async function followEvents(options: LiveOptions): Promise<void> {
  let lastId: string | null = null
  let lastLife: number | null = null
  let attempt = 0
  options.onConnection({ state: 'connecting' })
  while (!options.signal.aborted) {
    const silence = new AbortController()
    const stop = new AbortController()
    let heard = options.now()
    void watch(options, () => heard, silence, stop.signal)
    let reason = 'the orchestrator ended the stream'
    try {
      const answer = await options.fetch(options.url, {
        headers: { authorization: `Bearer ${options.token}`, accept: 'text/event-stream', ...(lastId === null ? {} : { 'last-event-id': lastId }) },
        cache: 'no-store',
        signal: AbortSignal.any([options.signal, silence.signal]),
      })
      if (answer.status === 401 || answer.status === 403) return options.onConnection({ state: 'refused' })
      // An id of another database, say: going on from here is right, since a reconnection asks for everything anew.
      if (answer.status === 400) lastId = null
      if (!answer.ok || !answer.body) throw new Error(`the orchestrator answered ${answer.status}`)
      attempt = 0
      heard = lastLife = options.now()
      options.onConnection({ state: 'live' })
      for await (const signal of readEventStream(answer.body)) {
        heard = lastLife = options.now()
        if (signal.kind !== 'event') continue
        if (signal.event.id !== null) lastId = signal.event.id
        options.onEvent(signal.event)
      }
    } catch (error) {
      reason = silence.signal.aborted ? 'nothing was heard for 45 seconds' : error instanceof Error ? error.message : String(error)
    } finally {
      stop.abort()
    }
    if (options.signal.aborted) return
    attempt += 1
    options.onConnection({ state: 'reconnecting', attempt, since: lastLife, reason })
    await options.wait(backoff(attempt, options.random()), options.signal)
  }
}

/** Ends a stream that went silent. One timer chain per connection, whatever the number of events. */
async function watch(options: LiveOptions, heard: () => number, silence: AbortController, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const left = heard() + SILENCE_MS - options.now()
    if (left <= 0) return silence.abort()
    await options.wait(left, stop)
  }
}
