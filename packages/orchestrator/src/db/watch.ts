import { pause, type Logger } from '@factory/shared'
import { NoAnswer, within } from '../timer.ts'

export type StoreWatch = {
  /** null: the store answers, or nobody has asked yet. Otherwise why it does not, for people. */
  away(): string | null
  /** Resolves when the store has answered; at once when it answers now. @throws Error once the watch has stopped */
  answered(): Promise<void>
  /** Resolves when the store was first found away. */
  firstAway: Promise<void>
  stop(): void
}

export type WatchOptions = {
  /** Asks for nothing, on a connection of its own that no other call holds up. */
  ping(): Promise<unknown>
  /** The store hangs: ends what waits for it. */
  cut(why: string): void
  /** It answers again. */
  onBack(): void
  log: Logger
  /** Between two looks while it answers, and while it does not. Milliseconds. */
  everyMs?: number
  awayEveryMs?: number
  /** A store that does not answer within this hangs. Milliseconds. */
  hangsMs?: number
}

/** Silence: on an open connection, or already when one is opened. */
function isHanging(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Error && 'code' in error && (error.code === 'CONNECT_TIMEOUT' || error.code === 'ETIMEDOUT'))
}

/**
 * Whether the database answers, known at any moment, so that callers are told at once instead of each finding
 * out for itself, and so that all goes on within a moment of its return.
 */
export function watchStore(options: WatchOptions): StoreWatch {
  const { log, everyMs = 1000, awayEveryMs = 200, hangsMs = 3000 } = options
  const firstAway = Promise.withResolvers<void>()
  const stopping = new AbortController()
  let away: string | null = null
  let known = false
  let waiting: PromiseWithResolvers<void>[] = []

  function answers(): void {
    const wasAway = away !== null
    away = null
    known = true
    for (const one of waiting.splice(0)) one.resolve()
    if (!wasAway) return
    log.info('the database is back')
    options.onBack()
  }

  function fails(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (away === null) log.warn({ err: error }, 'the database is away; waiting for it')
    away = reason
    known = true
    firstAway.resolve()
    // Refused or closed, the driver knows already; only of a hanging server it waits for ever.
    if (isHanging(error)) options.cut(reason)
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await within(hangsMs, options.ping())
        if (!stopping.signal.aborted) answers()
      } catch (error) {
        if (!stopping.signal.aborted) fails(error)
      }
      await pause(away === null ? everyMs : awayEveryMs, stopping.signal)
    }
  }
  void watch()

  return {
    away: () => away,
    answered() {
      if (stopping.signal.aborted) return Promise.reject(new Error('the factory is stopping'))
      if (known && away === null) return Promise.resolve()
      const one = Promise.withResolvers<void>()
      waiting.push(one)
      return one.promise
    },
    firstAway: firstAway.promise,
    stop() {
      stopping.abort()
      for (const one of waiting.splice(0)) one.reject(new Error('the factory is stopping'))
    },
  }
}
