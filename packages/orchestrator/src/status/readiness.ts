import type { Context } from '../context.ts'
import { pingStore } from '../db/ping.ts'
import { within } from '../timer.ts'

export type Part = { name: string; ok: boolean; detail: string }
export type Readiness = { ready: boolean; waitingFor: string[]; parts: Part[] }

type Needs = Pick<Context, 'db' | 'locks' | 'bus' | 'runtime' | 'leader'>

/** What else is known: why nothing is served yet, or that the database was found away. */
type Known = { limitMs?: number; waiting?: Part | null }

/** Asks every part at once and waits two seconds for each at most: a part that hangs is not ready. */
export async function checkReadiness(ctx: Needs, known: Known = {}): Promise<Readiness> {
  const limitMs = known.limitMs ?? 2000
  const waiting = known.waiting ?? null
  const parts = await Promise.all([
    waiting?.name === 'database' ? waiting : check('database', 'answers', limitMs, () => pingStore(ctx.db)),
    check('locks', ctx.locks.kind, limitMs, () => ctx.locks.ping()),
    check('events', ctx.bus.kind, limitMs, () => ctx.bus.ping()),
    waiting?.name === 'runtime' ? waiting : check('runtime', ctx.runtime.kind, limitMs, () => ctx.runtime.ping()),
    leader(ctx.leader),
  ])
  const waitingFor = parts.filter((part) => !part.ok).map((part) => part.name)
  return { ready: waitingFor.length === 0, waitingFor, parts }
}

async function check(name: string, detail: string, limitMs: number, ping: () => Promise<void>): Promise<Part> {
  try {
    await within(limitMs, ping())
    return { name, ok: true, detail }
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

/** One that only follows is as ready as the leader: it serves the API, and takes the lead when that is free. */
function leader({ epoch, holder }: Context['leader']): Part {
  const [now, who] = [epoch(), holder()]
  if (now !== null) return { name: 'leader', ok: true, detail: `this orchestrator leads (epoch ${now})` }
  return { name: 'leader', ok: who !== null, detail: who === null ? 'nobody is known to lead' : `${who} leads; this orchestrator follows` }
}
