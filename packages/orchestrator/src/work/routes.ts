import type { Context } from '../context.ts'
import type { Handlers } from '../http/handlers.ts'
import { explainWaiting } from '../queue/explain.ts'
import { cancelWork } from './cancel.ts'
import { createWork } from './create.ts'
import { editWork } from './edit.ts'
import { getWork, listWork } from './read.ts'
import { reportWork } from './mark-reported.ts'
import { retryWork } from './retry.ts'

export const workHandlers: Handlers<Context, 'createWork' | 'listWork' | 'getWork' | 'editWork' | 'cancelWork' | 'retryWork' | 'reportWork'> = {
  createWork: (ctx, { body }) => createWork(ctx, body),
  listWork: (ctx, { query }) => listWork(ctx, query),
  getWork: async (ctx, { params }) => {
    const work = await getWork(ctx, params.id)
    return { ...work, item: { ...work.item, waiting: await explainWaiting(ctx, work.item) } }
  },
  editWork: async (ctx, { params, body }) => ({ item: await editWork(ctx, params.id, body) }),
  cancelWork: async (ctx, { params, body }) => ({ item: await cancelWork(ctx, params.id, body.reason) }),
  retryWork: async (ctx, { params, body }) => ({ item: await retryWork(ctx, params.id, body.reason) }),
  reportWork: async (ctx, { params, body }) => ({ reportedRevision: await reportWork(ctx, params.id, body.revision) }),
}
