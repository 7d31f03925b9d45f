import type { Answer, Client } from '@factory/orchestrator/client'
import { pause, type HeartbeatRequest, type Logger, type RalphEvent, RunProgress, type Usage, type WorkEnvironment } from '@factory/shared'
import type { Ending } from '../ending.ts'
import type { Switch } from '../halt.ts'
import { holdLease } from './hold.ts'
import { keepLease, type Trust } from './keep.ts'
import { callBoundMs, retryDelay, type Lease } from './lease.ts'
import { readRefusal, wordsOf } from './refusal.ts'
import { sayEnding, type EndingShare } from './say-ending.ts'

const MAX_EVENTS_A_CALL = 500
const MAX_EVENTS_IN_ENDING = 2000
/** A call's body stays far below what the gateway and the orchestrator take. */
const MAX_BYTES_A_CALL = 4 * 1024 * 1024

export type SessionOptions = {
  client: Client
  runId: number
  lease: Lease
  /** When the registration that began the lease had been sent, by `now`. */
  renewedAt: number
  stop: Switch
  logger: Logger
  /** The careful clock. */
  now: () => number
  /** The monotonic clock. */
  mono: () => number
}

type Facts = { progress?: RunProgress; usage?: Usage; environment?: WorkEnvironment; baseSha?: string; headSha?: string }

/** A run's voice: renews its lease on a timer of its own and tells what happens. */
export type Session = {
  /** What others see asks here first. */
  trust: Trust
  /** Told with the next heartbeat; later values replace earlier ones. */
  note(facts: Facts): void
  event(event: RalphEvent): void
  /** Which step of the run's line is going on; the figures of the one before stay. */
  step(name: string): void
  /** Sends what has gathered. Resolves when it was tried; the next beat sends what failed. */
  flush(): Promise<void>
  /**
   * Tells everything that is left, then how the run ended, once the run is trusted. An ending whose answer
   * was lost is told again, word for word, until it is answered: the orchestrator gives the same answer.
   * @throws Halted when the run lost its right to speak
   */
  end(ending: Ending, shared: Pick<EndingShare, 'learnings'>): Promise<Answer<'complete'>>
  close(): void
}

/** Opens right after `register`, which renewed the lease. */
export function openSession(options: SessionOptions): Session {
  const { client, runId, lease, stop, logger } = options
  const params = { id: runId }
  let facts: Facts = {}
  const events: RalphEvent[] = []
  let environmentTold = false
  let told: { baseSha?: string | undefined; headSha?: string | undefined } = {}
  /** `told`: an ending is on its way or its answer was lost. `refused`: a renewal was refused after that. */
  let telling: 'no' | 'told' | 'refused' = 'no'
  const hurry = new AbortController()

  /** One heartbeat with at most one batch of events. True: it was taken. */
  async function beat(): Promise<boolean> {
    // Once the end is told it carries what is left, and is told again if need be.
    const batch = telling === 'no' ? nextBatch(events) : []
    const { environment, baseSha, headSha, ...rest } = facts
    // A heartbeat that changes the run alone is the cheapest for the orchestrator: commits are told once.
    const commits = { ...(baseSha !== told.baseSha ? { baseSha } : {}), ...(headSha !== told.headSha ? { headSha } : {}) }
    const body: HeartbeatRequest = { ...rest, ...commits, events: batch, ...(environment && !environmentTold ? { environment } : {}) }
    try {
      const answer = await client.call('heartbeat', { params, body }, { signal: AbortSignal.timeout(callBoundMs(lease)) })
      events.splice(0, batch.length)
      if (environment) environmentTold = true
      told = { baseSha, headSha }
      if (answer.command === 'cancel' && stop.halt === null) {
        const reason = answer.reason ?? 'the orchestrator asked this run to end'
        logger.warn({ reason }, 'told to end')
        stop.stop({ kind: 'cancelled', reason })
      }
      return true
    } catch (error) {
      const verdict = readRefusal(error)
      logger.warn({ err: error, verdict, events: batch.length }, 'heartbeat failed')
      if (verdict === 'fenced') refused(wordsOf(error))
      // A batch that the other side cannot read would block every later one, and with it the lease.
      if (verdict === 'unreadable') {
        events.splice(0, batch.length)
        environmentTold = true
      }
      return false
    }
  }

  /**
   * A run that has told its end may be refused because that end was taken and only its answer was lost:
   * telling it once more says which. Any other refused run is over.
   */
  function refused(reason: string): void {
    if (telling === 'no') return stop.stop({ kind: 'fenced', reason })
    telling = 'refused'
    hurry.abort()
  }

  const hold = holdLease({ lease, now: options.now, mono: options.mono, renewedAt: options.renewedAt })
  const keeper = keepLease({ hold, heartbeatSeconds: lease.heartbeatSeconds, stop, beat, urgent: () => telling === 'no' && events.length >= MAX_EVENTS_A_CALL, silent: () => telling === 'refused' })

  async function flush(): Promise<void> {
    await keeper.idle()
    do {
      if (!(await keeper.renew())) return
    } while (events.length > 0 && stop.halt?.kind !== 'fenced')
  }

  /** True: what is left fits into the ending. */
  async function tellMost(): Promise<boolean> {
    const fits = () => events.length <= MAX_EVENTS_IN_ENDING && JSON.stringify(events).length <= MAX_BYTES_A_CALL && (environmentTold || !facts.environment)
    if (!fits()) await flush()
    await keeper.idle()
    return fits()
  }

  async function end(ending: Ending, shared: Pick<EndingShare, 'learnings'>): Promise<Answer<'complete'>> {
    let share: EndingShare | null = null
    for (let failed = 1; ; failed++) {
      if (telling !== 'refused' && !(await keeper.regained(hurry.signal)) && stop.halt?.kind === 'fenced') stop.check()
      if (share === null && (await tellMost()) && keeper.trusted()) {
        const { environment: _environment, progress: _progress, ...rest } = facts
        share = { ...rest, ...shared, events: [...events] }
      }
      if (share !== null) {
        try {
          telling = telling === 'no' ? 'told' : telling
          const answer = await sayEnding(client, runId, ending, share)
          events.length = 0
          return answer
        } catch (error) {
          const verdict = readRefusal(error)
          logger.warn({ err: error, verdict }, 'ending failed')
          if (verdict === 'fenced') {
            stop.stop({ kind: 'fenced', reason: wordsOf(error) })
            stop.check()
          }
          if (verdict === 'unreadable') {
            telling = 'no'
            throw error
          }
        }
      }
      const sooner = hurry.signal.aborted ? stop.fence : AbortSignal.any([stop.fence, hurry.signal])
      await pause(retryDelay(failed, lease.heartbeatSeconds), sooner)
      if (stop.halt?.kind === 'fenced') stop.check()
    }
  }

  return {
    trust: keeper,
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
    close: () => keeper.close(),
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
