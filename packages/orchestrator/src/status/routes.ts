import type { Handlers } from '../http/handlers.ts'
import { listQueue } from '../queue/list.ts'
import { readStatus, type Identity, type StatusNeeds } from './read.ts'

export function statusHandlers(identity: Identity): Handlers<StatusNeeds, 'status' | 'queue'> {
  return {
    status: (ctx) => readStatus(ctx, identity),
    queue: async (ctx, { query }) => ({ items: await listQueue(ctx, query.limit) }),
  }
}
