import type { Answer, Client } from '@factory/orchestrator/client'
import { FactoryError, pause, type CompleteRequest, type FailRequest, type HeartbeatRequest, type Logger, type PauseRequest, type RalphEvent, RunProgress, type StuckRequest, type Usage, type WorkEnvironment } from '@factory/shared'
import type { Ending } from '../ending.ts'
import type { Switch } from '../halt.ts'
import { leaseEnded, retryDelay } from './lease.ts'

const MAX_EVENTS_A_CALL = 500
const MAX_EVENTS_IN_ENDING = 2000
/** A call's body stays far below what the gateway and the orchestrator take. */
const MAX_BYTES_A_CALL = 4 * 1024 * 1024

export type SessionOptions = {
  client: Client
  runId: number
  heartbeatSeconds: number
  leaseSeconds: number
  stop: Switch
  logger: Logger
  now: () => number
}

type Facts = { progress?: RunProgress; usage?: Usage; environment?: WorkEnvironment; baseSha?: string; headSha?: string }
type Shared = Pick<CompleteRequest, 'learnings'>

/** A run's voice: renews its lease on a timer of its own and tells what happens. */
export type Session = {
  /** Told with the next heartbeat; later values replace earlier ones. */
  note(facts: Facts): void
  event(event: RalphEvent): void
  /** Which step of the run's line is going on; the figures of the one before stay. */
  step(name: string): void
  /** Sends what has gathered. Resolves when it was tried; the next beat sends what failed. */
  flush(): Promise<void>
  /**
   * Tells everything that is left, then how the run ended. Tries until the lease has run out.
   * @throws Halted when the run lost its right to speak
   */
  end(ending: Ending, shared: Shared): Promise<Answer<'complete'>>
  close(): void
}

/** Opens right after `register`, which renewed the lease. */
export function openSession(options: SessionOptions): Session {
  const { client, runId, stop, logger, now } = options
  const params = { id: runId }
  let facts: Facts = {}
  const events: RalphEvent[] = []
  let environmentTold = false
  let renewedAt = now()
  let beating: Promise<boolean> | null = null

  /** One heartbeat with at most one batch of events. True: it was taken. */
  async function beat(): Promise<boolean> {
    const batch = nextBatch(events)
    const { environment, ...rest } = facts
    const body: HeartbeatRequest = { ...rest, events: batch, ...(environment && !environmentTold ? { environment } : {}) }
    const sentAt = now()
    try {
      const answer = await client.call('heartbeat', { params, body })
      renewedAt = sentAt
      events.splice(0, batch.length)
      if (environment) environmentTold = true
      if (answer.command === 'cancel') stop.stop({ kind: 'cancelled', reason: answer.reason ?? 'the orchestrator asked this run to end' })
      return true
    } catch (error) {
      const verdict = readRefusal(error)
      logger.warn({ err: error, verdict, events: batch.length }, 'heartbeat failed')
      if (verdict === 'fenced') stop.stop({ kind: 'fenced', reason: error instanceof Error ? error.message : 'the run has lost its lease' })
      // A batch that the other side cannot read would block every later one, and with it the lease.
      if (verdict === 'unreadable') events.splice(0, batch.length)
      return false
    }
  }

  /** Heartbeats never overlap, so no event is sent twice and none before another. */
  function once(): Promise<boolean> {
    beating ??= beat().finally(() => {
      beating = null
    })
    return beating
  }

  let retryAt = 0
  let failures = 0
  const timer = setInterval(() => {
    if (stop.halt?.kind === 'fenced') return
    if (leaseEnded({ now: now(), renewedAt, leaseSeconds: options.leaseSeconds, heartbeatSeconds: options.heartbeatSeconds })) {
      stop.stop({ kind: 'fenced', reason: `the lease could not be renewed for ${Math.round((now() - renewedAt) / 1000)} seconds` })
      return
    }
    const due = failures > 0 ? retryAt : renewedAt + options.heartbeatSeconds * 1000
    if (beating || now() < due) return
    void once().then((taken) => {
      failures = taken ? 0 : failures + 1
      retryAt = now() + retryDelay(failures, options.heartbeatSeconds)
    })
  }, Math.min(250, options.heartbeatSeconds * 250))

  async function flush(): Promise<void> {
    await beating
    do {
      if (!(await once())) return
    } while (events.length > 0 && stop.halt?.kind !== 'fenced')
  }

  async function end(ending: Ending, shared: Shared): Promise<Answer<'complete'>> {
    for (let failed = 0; ; failed++) {
      if (stop.halt?.kind === 'fenced') stop.check()
      if (events.length > MAX_EVENTS_IN_ENDING || JSON.stringify(events).length > MAX_BYTES_A_CALL) await flush()
      try {
        const { environment: _environment, progress: _progress, ...rest } = facts
        if (!environmentTold && facts.environment) await flush()
        await beating
        const answer = await say(ending, { ...rest, ...shared, events: events.slice(0, MAX_EVENTS_IN_ENDING) })
        events.length = 0
        return answer
      } catch (error) {
        const verdict = readRefusal(error)
        logger.warn({ err: error, verdict }, 'ending failed')
        if (verdict === 'fenced') {
          stop.stop({ kind: 'fenced', reason: error instanceof Error ? error.message : 'the run has ended' })
          stop.check()
        }
        if (verdict === 'unreadable') throw error
      }
      await pause(retryDelay(failed + 1, options.heartbeatSeconds), stop.fence)
    }
  }

  function say(ending: Ending, shared: Shared & Pick<CompleteRequest, 'events' | 'usage' | 'headSha' | 'baseSha'>): Promise<Answer<'complete'>> {
    switch (ending.call) {
      case 'complete':
        return client.call('complete', { params, body: { ...shared, ...ending.body } satisfies CompleteRequest })
      case 'fail':
        return client.call('fail', { params, body: { ...shared, ...ending.body } satisfies FailRequest })
      case 'stuck':
        return client.call('stuck', { params, body: { ...shared, ...ending.body } satisfies StuckRequest })
      case 'pause':
        return client.call('pause', { params, body: { ...shared, ...ending.body } satisfies PauseRequest })
    }
  }

  return {
    note(more) {
      facts = { ...facts, ...more }
    },
    event(event) {
      events.push(event)
    },
    step(name) {
      facts = { ...facts, progress: RunProgress.parse({ ...facts.progress, step: name, activity: null }) }
    },
    flush,
    end,
    close: () => clearInterval(timer),
  }
}

function nextBatch(events: readonly RalphEvent[]): RalphEvent[] {
  const batch: RalphEvent[] = []
  let bytes = 0
  for (const event of events) {
    bytes += JSON.stringify(event).length
    if (batch.length === MAX_EVENTS_A_CALL || (batch.length > 0 && bytes > MAX_BYTES_A_CALL)) break
    batch.push(event)
  }
  return batch
}

/** `fenced`: we may not speak any more. `unreadable`: this very call will never be taken. `away`: later. */
export function readRefusal(error: unknown): 'fenced' | 'unreadable' | 'away' {
  if (!(error instanceof FactoryError)) return 'away'
  switch (error.code) {
    case 'stale_token':
    case 'conflict':
    case 'unauthorized':
    case 'forbidden':
      return 'fenced'
    case 'bad_request':
    case 'too_large':
    case 'unprocessable':
      return 'unreadable'
    case 'not_found':
    case 'rate_limited':
    case 'internal':
    case 'unavailable':
      return 'away'
  }
}
