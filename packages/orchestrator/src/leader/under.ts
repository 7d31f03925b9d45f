import type { Context } from '../context.ts'

/**
 * The world of a leader's work: every transaction checks the epoch, and before each call of the engine or the
 * forge the process looks whether it still leads. What slips through a freeze in the middle of a call is made
 * harmless by the resource: workers have deterministic names, branches move by compare-and-swap, pull
 * requests are looked up before they are opened.
 */
export function underEpoch(ctx: Context, epoch: number): Context {
  const check = () => ctx.leader.assert(epoch)
  return { ...ctx, epoch, runtime: fenced(ctx.runtime, check), forge: fenced(ctx.forge, check) }
}

function fenced<T extends object>(port: T, check: () => void): T {
  return new Proxy(port, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        check()
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
}
