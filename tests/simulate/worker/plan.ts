import type { OutcomeCode, RunKind } from '@factory/shared'
import type { Chance } from '../kernel/chance.ts'

/** What a run comes to, if nothing happens to it. */
export type Plan = {
  iterationMs: number
  iterations: number
  ends: 'done' | 'refuted' | 'stuck' | 'exits' | { fail: OutcomeCode } | { pause: 'usage_limit' | 'auth'; forMs: number }
  /** It pushes only now and then. */
  pushes: boolean
  /** It asks for a file more, in some iteration. */
  wants: string | null
}

export const PATHS = ['a.ts', 'b.ts', 'c.ts'] as const

export function drawPlan(chance: Chance, kind: RunKind, granted: number, troubled: boolean): Plan {
  return {
    iterationMs: chance.yes(0.1) ? chance.int(50_000, 90_000) : chance.int(2000, 15_000),
    iterations: kind === 'verify' ? 1 : chance.int(1, Math.max(1, granted)),
    ends: troubled ? drawEnd(chance, kind) : 'done',
    pushes: chance.yes(0.7),
    wants: kind === 'build' && chance.yes(0.5) ? chance.pick(PATHS) : null,
  }
}

function drawEnd(chance: Chance, kind: RunKind): Plan['ends'] {
  const at = chance.next()
  if (at < 0.62) return 'done'
  if (at < 0.7) return { fail: chance.pick(['internal', 'setup_failed', 'repository_unreachable', 'base_unverifiable'] as const) }
  if (at < 0.78) return 'exits'
  if (kind === 'verify') return at < 0.9 ? 'refuted' : 'done'
  if (at < 0.83) return 'stuck'
  if (at < 0.93) return { pause: chance.yes(0.8) ? 'usage_limit' : 'auth', forMs: chance.int(5, 80) * 1000 }
  return { fail: 'limit_reached' }
}
