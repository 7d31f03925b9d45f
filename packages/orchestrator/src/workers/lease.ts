import type { Context } from '../context.ts'

export function leaseEnd(ctx: Pick<Context, 'config'>, at: Date): Date {
  return new Date(at.getTime() + ctx.config.LEASE_SECONDS * 1000)
}
