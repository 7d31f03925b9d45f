import type { Client } from '@factory/orchestrator/client'
import { pause, type Assignment, type Logger, type RegisterRequest } from '@factory/shared'
import { Halted, type Switch } from '../halt.ts'
import { retryDelay } from './lease.ts'
import { readRefusal } from './session.ts'

/** A worker that nobody answers for this long is not wanted any more; its container should not wait for ever. */
const PATIENCE_MS = 180_000

/** Tells the orchestrator that the run's worker is up, and gets what to do. @throws Halted */
export async function register(options: { client: Client; body: RegisterRequest; stop: Switch; logger: Logger; now: () => number; patienceMs?: number }): Promise<Assignment> {
  const { client, body, stop, logger, now } = options
  const started = now()
  for (let failures = 1; ; failures++) {
    stop.check()
    try {
      return await client.call('register', { body })
    } catch (error) {
      const verdict = readRefusal(error)
      logger.warn({ err: error, verdict }, 'register failed')
      const reason = error instanceof Error ? error.message : 'register failed'
      if (verdict !== 'away') throw new Halted({ kind: 'fenced', reason })
      if (now() - started > (options.patienceMs ?? PATIENCE_MS)) throw new Halted({ kind: 'fenced', reason: `nobody took the registration: ${reason}` })
    }
    await pause(retryDelay(failures, 5), stop.signal)
  }
}
