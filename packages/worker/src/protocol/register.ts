import type { Client } from '@factory/orchestrator/client'
import { pause, type Assignment, type Logger, type RegisterRequest } from '@factory/shared'
import { Halted, type Switch } from '../halt.ts'
import { retryDelay } from './lease.ts'
import { readRefusal, wordsOf } from './refusal.ts'

/** A worker that nobody answers for this long is not wanted any more; its container should not wait for ever. */
const PATIENCE_MS = 180_000

export type Registered = {
  assignment: Assignment
  /** When the call that was answered had been sent, by `now`: the lease counts from then. */
  sentAt: number
}

/** Tells the orchestrator that the run's worker is up, and gets what to do. `now`: the careful clock; `mono`: patience runs by it. @throws Halted */
export async function register(options: { client: Client; body: RegisterRequest; stop: Switch; logger: Logger; now: () => number; mono: () => number; patienceMs?: number }): Promise<Registered> {
  const { client, body, stop, logger, now, mono } = options
  const started = mono()
  for (let failures = 1; ; failures++) {
    stop.check()
    const sentAt = now()
    try {
      return { assignment: await client.call('register', { body }), sentAt }
    } catch (error) {
      const verdict = readRefusal(error)
      logger.warn({ err: error, verdict }, 'register failed')
      const reason = wordsOf(error)
      if (verdict !== 'away') throw new Halted({ kind: 'fenced', reason })
      if (mono() - started > (options.patienceMs ?? PATIENCE_MS)) throw new Halted({ kind: 'fenced', reason: `nobody took the registration: ${reason}` })
    }
    await pause(retryDelay(failures, 5), stop.signal)
  }
}
