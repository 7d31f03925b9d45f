import type { Context } from '../context.ts'
import { pingStore } from '../db/ping.ts'

export type Part = { name: string; ok: boolean; detail: string }
export type Readiness = { ready: boolean; waitingFor: string[]; parts: Part[] }

type Needs = Pick<Context, 'db' | 'locks' | 'bus' | 'runtime'>

/** Asks every part at once and waits `limitMs` for each at most: a part that hangs is not ready. */
export async function checkReadiness(ctx: Needs, limitMs = 2000): Promise<Readiness> {
  const parts = await Promise.all([
    check('database', 'answers', limitMs, () => pingStore(ctx.db)),
    check('locks', ctx.locks.kind, limitMs, () => ctx.locks.ping()),
    check('events', ctx.bus.kind, limitMs, () => ctx.bus.ping()),
    check('runtime', ctx.runtime.kind, limitMs, () => ctx.runtime.ping()),
  ])
  const waitingFor = parts.filter((part) => !part.ok).map((part) => part.name)
  return { ready: waitingFor.length === 0, waitingFor, parts }
}

async function check(name: string, detail: string, limitMs: number, ping: () => Promise<void>): Promise<Part> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([ping(), late])
    return { name, ok: true, detail }
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}
