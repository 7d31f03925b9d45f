import { FactoryEvent, pause, readEventStream } from '@factory/shared'
import type { Context } from './context.ts'

/** It is our own service: soon enough to go on within a moment of its return. */
const MAX_PAUSE_MS = 1000
/** A stream that says nothing for so long may be dead without anybody having noticed. */
const SILENCE_MS = 90_000

type Handlers = {
  /** After each connection: what happened in between has to be looked up. */
  onConnect(): void
  onEvent(event: FactoryEvent): void
}

/**
 * Follows the orchestrator's events until the signal ends it; reconnects behind the last one seen.
 * Events are hints: what is missed is found by the next sweep.
 */
export async function followEvents(ctx: Context, handlers: Handlers, signal: AbortSignal): Promise<void> {
  const { events } = ctx.board
  let lastId: string | null = null
  let failures = 0
  while (!signal.aborted) {
    try {
      for await (const text of connect(ctx, lastId, signal)) {
        if (text === CONNECTED) {
          failures = 0
          Object.assign(events, { connected: true, error: null })
          handlers.onConnect()
          continue
        }
        events.lastEventAt = ctx.now().toISOString()
        if (text.id !== null) lastId = text.id
        if (text.event !== 'progress') readEvent(text.data, handlers)
      }
      events.error = 'the stream ended'
    } catch (error) {
      // A position that the orchestrator does not know (any more) would be refused for ever.
      if (error instanceof Refused && error.status === 400) lastId = null
      if (!signal.aborted) {
        events.error = error instanceof Error ? error.message : String(error)
        if (failures === 0) ctx.logger.warn({ err: error }, 'the event stream broke; polling goes on')
      }
    }
    events.connected = false
    await pause(Math.min(ctx.retryMs * 2 ** Math.min(failures++, 10), MAX_PAUSE_MS), signal)
  }
}

const CONNECTED = Symbol('connected')

class Refused extends Error {
  readonly status: number

  constructor(status: number) {
    super(`the orchestrator answers ${status} to GET /api/events`)
    this.name = 'Refused'
    this.status = status
  }
}

async function* connect(ctx: Context, lastId: string | null, signal: AbortSignal) {
  const ended = new AbortController()
  const silence = () => setTimeout(() => ended.abort(new Error('nothing was heard for 90 seconds')), SILENCE_MS)
  let timer = silence()
  try {
    const response = await fetch(`${ctx.config.ORCHESTRATOR_URL.replace(/\/$/, '')}/api/events`, {
      headers: { authorization: `Bearer ${ctx.config.FACTORY_TOKEN}`, accept: 'text/event-stream', ...(lastId === null ? {} : { 'last-event-id': lastId }) },
      signal: AbortSignal.any([signal, ended.signal]),
    })
    if (!response.ok || !response.body) throw new Refused(response.status)
    yield CONNECTED
    for await (const said of readEventStream(response.body)) {
      clearTimeout(timer)
      timer = silence()
      if (said.kind === 'event') yield said.event
    }
  } finally {
    clearTimeout(timer)
    ended.abort()
  }
}

/** A newer orchestrator may tell of things that we do not know: not our business. */
function readEvent(data: string, { onEvent }: Handlers): void {
  let json: unknown
  try {
    json = JSON.parse(data)
  } catch {
    return
  }
  const event = FactoryEvent.safeParse(json)
  if (event.success) onEvent(event.data)
}
