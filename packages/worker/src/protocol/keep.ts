import type { Switch } from '../halt.ts'
import type { Hold } from './hold.ts'

/** Whether the run may act now. What others see (a push, an ending, a granted lock) asks here first. */
export type Trust = {
  trusted(): boolean
  /** Resolves once the run is trusted (true), or when it is fenced or `signal` fires (false). */
  regained(signal?: AbortSignal): Promise<boolean>
  /** Fires when trust ends: what is on its way is broken off. Another signal after each return of trust. */
  lapse(): AbortSignal
  /** Renews now. True: somebody answered, and the run is trusted. */
  confirm(): Promise<boolean>
}

export type Keeper = Trust & {
  /** One renewal, or the one that is on its way. True: it was taken. */
  renew(): Promise<boolean>
  /** Resolves when no renewal is on its way. */
  idle(): Promise<void>
  close(): void
}

/**
 * Renews a lease on a timer of its own. `beat` makes one renewal, which must end in bounded time:
 * true, taken; false, not. `urgent`: there is more to tell than one renewal can carry. `silent`: nothing
 * more is sent by itself.
 */
export function keepLease(options: { hold: Hold; heartbeatSeconds: number; stop: Switch; beat: () => Promise<boolean>; urgent: () => boolean; silent: () => boolean }): Keeper {
  const { hold, stop } = options
  const waiting = new Set<() => void>()
  let beating: Promise<boolean> | null = null
  let lapse = new AbortController()

  function wake(): void {
    if (hold.trusted()) {
      if (lapse.signal.aborted) lapse = new AbortController()
    } else if (!lapse.signal.aborted) lapse.abort()
    for (const look of waiting) look()
  }

  async function once(): Promise<boolean> {
    const sentAt = hold.sending()
    const taken = await options.beat()
    if (taken) hold.renewed(sentAt)
    else hold.failed()
    return taken
  }

  /** Renewals never overlap, so nothing is told twice and nothing before what came first. */
  function renew(): Promise<boolean> {
    beating ??= once().finally(() => {
      beating = null
      wake()
    })
    return beating
  }

  const timer = setInterval(() => {
    if (stop.halt?.kind === 'fenced') return
    const todo = hold.look(options.urgent())
    wake()
    if (todo === 'give_up') stop.stop({ kind: 'fenced', reason: `the lease could not be renewed for ${Math.round(hold.silence() / 1000)} seconds` })
    else if (todo === 'renew' && !beating && !options.silent()) void renew()
  }, Math.min(250, options.heartbeatSeconds * 250))
  stop.fence.addEventListener('abort', wake, { once: true })

  return {
    trusted: () => stop.halt?.kind !== 'fenced' && hold.trusted(),
    regained: (signal) =>
      new Promise((resolve) => {
        const look = () => {
          const over = stop.fence.aborted || signal?.aborted === true
          if (!over && !hold.trusted()) return
          waiting.delete(look)
          signal?.removeEventListener('abort', look)
          resolve(!over)
        }
        waiting.add(look)
        signal?.addEventListener('abort', look)
        look()
      }),
    lapse: () => lapse.signal,
    confirm: async () => (await renew()) && hold.trusted(),
    renew,
    idle: async () => {
      await beating
    },
    close() {
      clearInterval(timer)
      stop.fence.removeEventListener('abort', wake)
    },
  }
}
