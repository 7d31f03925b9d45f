import type { Context } from '../context.ts'
import type { Handlers } from '../http/handlers.ts'
import { changeLimits, readLimits } from './limits.ts'

export const budgetHandlers: Handlers<Context, 'limits' | 'changeLimits'> = {
  limits: (ctx) => readLimits(ctx),
  changeLimits: (ctx, { body }) => changeLimits(ctx, body),
}
