import type { FactoryEvent, Logger, ProgressMessage } from '@factory/shared'
import type { Db } from '../db/connect.ts'
import type { Feed } from './feed.ts'
import type { Position } from './position.ts'
import { readEvents, readHead } from './read.ts'

type Controller = ReadableStreamDefaultController<Uint8Array>

export type Wanted = {
  itemId?: number | undefined
  /** Event types; `progress` among them asks for what live runs do now. Undefined is all of it. */
  types?: readonly string[] | undefined
}

export type StreamOptions = {
  db: Db
  feed: Feed
  log: Logger
  pingMs?: number
  /** A client that has more than this unread is dropped; it comes back with its last id. Bytes. */
  bufferBytes?: number
}

/**
 * The stream of events as server-sent events: first what follows `after` (null: from now on), then live,
 * each event once and in order. It ends when the client goes or does not keep up.
 */
export function streamEvents(options: StreamOptions, after: Position | null, wanted: Wanted): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const filter = { itemId: wanted.itemId, types: wanted.types?.filter((type) => type !== 'progress') }
  let unfollow: (() => void) | null = null
  let ping: ReturnType<typeof setInterval> | undefined
  let position = after
  let opened = false
  let ended = false

  const end = () => {
    ended = true
    clearInterval(ping)
    unfollow?.()
    unfollow = null
  }

  const close = (controller: Controller) => {
    if (ended) return
    end()
    controller.close()
  }
  const send = (controller: Controller, text: string) => {
    if (ended) return
    if (hasRoom(controller)) controller.enqueue(encoder.encode(text))
    else close(controller)
  }

  /** Writes one page of the past; true once there is nothing left between it and the live events. */
  const replay = async (controller: Controller): Promise<boolean> => {
    position ??= await readHead(options)
    const page = await readEvents(options, position, filter)
    if (ended) return true
    // The first bytes go out once it is settled where the stream begins: who sees it open misses nothing after.
    if (!opened) controller.enqueue(encoder.encode(': the factory\nretry: 1000\n\n'))
    opened = true
    for (const event of page.events) controller.enqueue(encoder.encode(frameEvent(event)))
    position = page.next
    if (!page.atHead) return false
    unfollow = options.feed.follow(position, {
      event: (event) => wants(wanted, event.type, event.itemId) && send(controller, frameEvent(event)),
      progress: (message) => wants(wanted, 'progress', message.itemId) && send(controller, frameProgress(message)),
      end: () => close(controller),
    })
    return unfollow !== null
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // not before it is settled where the stream begins: a reader takes the first bytes for that
        ping = setInterval(() => opened && hasRoom(controller) && send(controller, ': ping\n\n'), options.pingMs ?? 15_000)
      },
      // Called while the client keeps up, so a long past is read no faster than it is taken.
      async pull(controller) {
        try {
          let done = ended || unfollow !== null
          while (!done && hasRoom(controller)) done = await replay(controller)
        } catch (error) {
          options.log.info({ err: error }, 'a stream of events ended; its client comes back with its last id')
          close(controller)
        }
      },
      cancel: end,
    },
    { highWaterMark: options.bufferBytes ?? 1024 * 1024, size: (chunk) => chunk?.byteLength ?? 0 },
  )
}

function hasRoom(controller: Controller): boolean {
  return (controller.desiredSize ?? 0) > 0
}

function wants(wanted: Wanted, type: string, itemId: number | null): boolean {
  return (wanted.itemId === undefined || wanted.itemId === itemId) && (wanted.types === undefined || wanted.types.includes(type))
}

function frameEvent(event: FactoryEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/** Without an id: it is of the moment and never replayed. */
function frameProgress(message: ProgressMessage): string {
  return `event: progress\ndata: ${JSON.stringify(message)}\n\n`
}
