import { FactoryError, pause } from '@factory/shared'
import type { Context } from './context.ts'

/** Milliseconds between two questions whether it is back. */
const ASK_MS = 500

/**
 * Waits `ms`, and no longer than until the orchestrator, found away, is back: then what failed for want of it is
 * worth a try at once. When it answers already, something else failed, and the whole time is waited.
 */
export async function pauseUntilBack(ctx: Pick<Context, 'client' | 'now'>, ms: number, signal: AbortSignal): Promise<void> {
  const until = ctx.now().getTime() + ms
  if (await answers(ctx, signal)) return pause(ms, signal)
  while (!signal.aborted && ctx.now().getTime() < until) {
    await pause(ASK_MS, signal)
    if (await answers(ctx, signal)) return
  }
}

function answers(ctx: Pick<Context, 'client'>, signal: AbortSignal): Promise<boolean> {
  return ctx.client.call('listWork', { query: { limit: 1 } }, { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) }).then(
    () => true,
    (error: unknown) => !(error instanceof FactoryError && error.code === 'unavailable'),
  )
}
