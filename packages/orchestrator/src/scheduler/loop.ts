import type { Context } from '../context.ts'
import { newInFlight, tick, type TickReport } from './tick.ts'

export type Loop = {
  /** Look now. Calls while a tick runs make one more tick, not many. */
  wake(): void
  /** What the last tick saw; null before the first. */
  last(): TickReport | null
  /** Lets the running tick and its jobs end; starts no more. */
  stop(): Promise<void>
}

/**
 * Ticks once a second, and at once when woken. An error ends one tick and never the loop: while the
 * database is away it tries again every second.
 */
export function startLoop(ctx: Context, everyMs = 1000): Loop {
  const inFlight = newInFlight()
  let last: TickReport | null = null
  let stopped = false
  let woken = false
  let resolveSleep: (() => void) | null = null

  const sleep = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, everyMs)
      resolveSleep = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const running = (async () => {
    while (!stopped) {
      woken = false
      try {
        last = await tick(ctx, inFlight)
      } catch (error) {
        ctx.log.error({ err: error }, 'the scheduler could not look; it looks again in a second')
      }
      if (!woken && !stopped) await sleep()
      resolveSleep = null
    }
  })()

  return {
    wake() {
      woken = true
      resolveSleep?.()
    },
    last: () => last,
    async stop() {
      stopped = true
      resolveSleep?.()
      await running
      await Promise.allSettled(inFlight.all)
    },
  }
}
