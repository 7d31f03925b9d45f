import { ProgressMessage, type FactoryEvent, type Logger } from '@factory/shared'
import type { Db } from '../db/connect.ts'
import { EVENTS_CHANNEL, PROGRESS_CHANNEL, type EventBus } from '../ports/event-bus.ts'
import { comparePositions, parsePosition, type Position } from './position.ts'
import { readEvents } from './read.ts'

/** Somebody who follows live. Calls come in order and must not throw. */
type Follower = {
  event(event: FactoryEvent): void
  progress(message: ProgressMessage): void
  /** The feed stops; nothing comes any more. */
  end(): void
}

export type Feed = {
  /**
   * Follows from a position at which the follower has seen everything. Returns null when the feed is
   * further already: read on and try again.
   * @throws Error once the feed has stopped
   */
  follow(from: Position, follower: Follower): (() => void) | null
  stop(): Promise<void>
}

export type FeedOptions = {
  db: Db
  bus: EventBus
  log: Logger
  /** Looks by itself this often: the bus gives hints only. */
  pollMs?: number
}

/**
 * Reads new events once for all followers of this process: when the bus says so, and every second.
 * With no followers it reads nothing.
 */
export async function startFeed(options: FeedOptions): Promise<Feed> {
  const followers = new Map<Follower, Position>()
  let position: Position | null = null
  let reading: Promise<void> = Promise.resolve()
  let busy = false
  let again = false
  let stopped = false

  async function readNew(): Promise<void> {
    try {
      do {
        again = false
        const from = position
        if (from === null) return
        const page = await readEvents(options, from)
        // While it was read all followers may have gone and others come, who start somewhere else.
        if (position !== from) {
          again = true
          continue
        }
        for (const event of page.events) deliver(event)
        position = page.next
        if (!page.atHead) again = true
      } while (again)
    } catch (error) {
      options.log.warn({ err: error }, 'events could not be read; trying again')
    } finally {
      busy = false
    }
  }

  function deliver(event: FactoryEvent): void {
    const at = parsePosition(event.id)
    for (const [follower, from] of followers) if (comparePositions(at, from) > 0) follower.event(event)
  }

  function look(): void {
    again = true
    if (busy || position === null) return
    busy = true
    reading = readNew()
  }

  const timer = setInterval(look, options.pollMs ?? 1000)
  const endings = await Promise.all([
    options.bus.subscribe(EVENTS_CHANNEL, look),
    options.bus.subscribe(PROGRESS_CHANNEL, (message) => {
      const progress = ProgressMessage.safeParse(message)
      if (progress.success) for (const follower of followers.keys()) follower.progress(progress.data)
    }),
  ])

  return {
    follow(from, follower) {
      if (stopped) throw new Error('the factory is stopping')
      if (position !== null && comparePositions(from, position) < 0) return null
      position ??= from
      followers.set(follower, from)
      look()
      return () => {
        followers.delete(follower)
        if (followers.size === 0) position = null
      }
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      for (const follower of followers.keys()) follower.end()
      followers.clear()
      position = null
      await Promise.all(endings.map((end) => end()))
      await reading
    },
  }
}
