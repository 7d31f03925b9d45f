import { GithubPaused } from './explain.ts'

export type GateTime = { now(): Date; sleep(ms: number, signal?: AbortSignal): Promise<void> }

/** One door for all that this process sends to a forge: once it asked for a pause, nothing passes until it is over. */
export type Gate = {
  /**
   * Waits until the forge may be called again.
   * @throws GithubPaused at once where that is more than `mostMs` milliseconds away
   */
  pass(mostMs: number, signal?: AbortSignal): Promise<void>
  /** Nothing passes before `until`; an earlier time than one known already changes nothing. */
  close(until: Date): void
}

export function createGate(time: GateTime): Gate {
  let closedUntil = new Date(0)
  return {
    async pass(mostMs, signal) {
      const patience = time.now().getTime() + mostMs
      // What is waited for may be put off meanwhile by another call's answer.
      while (closedUntil > time.now()) {
        if (closedUntil.getTime() > patience) throw new GithubPaused(closedUntil)
        await time.sleep(closedUntil.getTime() - time.now().getTime(), signal)
        signal?.throwIfAborted()
      }
    },
    close(until) {
      if (until > closedUntil) closedUntil = until
    },
  }
}
