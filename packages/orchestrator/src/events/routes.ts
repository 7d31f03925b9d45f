import { FACTORY_EVENT_TYPES } from '@factory/shared'
import { Hono } from 'hono'
import { z } from 'zod'
import { parsePart } from '../http/validate.ts'
import { parsePosition } from './position.ts'
import { streamEvents, type StreamOptions } from './stream.ts'

const Type = z.enum([...FACTORY_EVENT_TYPES, 'progress'])

export const EventsQuery = z.strictObject({
  itemId: z.coerce.number().int().positive().max(2_147_483_647).optional(),
  /** Comma-separated. */
  types: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()).filter(Boolean))
    .pipe(z.array(Type))
    .optional(),
  /** As the header `Last-Event-ID`, for clients that cannot set one. The header wins. */
  lastEventId: z.string().optional(),
})

/** `GET /`: the stream. */
export function eventRoutes(options: StreamOptions): Hono {
  const app = new Hono()
  app.get('/', (c) => {
    const query = parsePart(EventsQuery, c.req.query())
    const lastId = c.req.header('last-event-id') || query.lastEventId
    const stream = streamEvents(options, lastId ? parsePosition(lastId) : null, query)
    return new Response(stream, { headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' } })
  })
  return app
}
