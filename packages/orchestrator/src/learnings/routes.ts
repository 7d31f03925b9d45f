import type { Context } from '../context.ts'
import type { Handlers } from '../http/handlers.ts'
import { searchLearnings } from './search.ts'

export const learningHandlers: Handlers<Pick<Context, 'db' | 'embedder' | 'log'>, 'learnings'> = {
  learnings: (ctx, { query }) => searchLearnings(ctx, query),
}
