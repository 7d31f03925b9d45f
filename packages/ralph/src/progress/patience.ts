import { RALPH_EXIT, type RalphEventBody, type RalphExit } from '@factory/shared/ralph'
import type { Verdict } from '../agents/agent.ts'

/** Up to this far away a reset is waited for; beyond it the run ends and comes back. */
export const LONGEST_WAIT_MS = 15 * 60_000
/** Pauses before the next try at a model that does not answer. */
export const BACK_OFF_MS = [5_000, 20_000, 60_000] as const
/** When to come back after these have not helped. */
const OUTAGE_MS = 5 * 60_000
const MOST_USAGE_WAITS = 4

export type Step =
  | { do: 'go_on' }
  | { do: 'wait'; ms: number; event: RalphEventBody }
  | { do: 'end'; exitCode: RalphExit; reason: string; until: string | null; event: RalphEventBody | null }

/** What a verdict that says nothing about the work leads to. `tries` counts earlier ones like it. */
export function afterVerdict(verdict: Verdict, tries: number, now: number): Step {
  switch (verdict.kind) {
    case 'worked':
    case 'failed':
    case 'aborted':
      return { do: 'go_on' }
    case 'auth':
      return { do: 'end', exitCode: RALPH_EXIT.auth, reason: verdict.reason, until: null, event: null }
    case 'usage_limit': {
      const until = Math.max(verdict.until ?? now + LONGEST_WAIT_MS, now)
      const event = limit('usage', `the account's usage limit is reached: ${verdict.reason}`, until)
      const ms = until - now + 2_000
      if (verdict.until !== null && ms <= LONGEST_WAIT_MS && tries < MOST_USAGE_WAITS) return { do: 'wait', ms, event }
      return { do: 'end', exitCode: RALPH_EXIT.paused, reason: `the account's usage limit is reached until ${iso(until)}`, until: iso(until), event }
    }
    case 'overloaded':
    case 'network': {
      const kind = verdict.kind
      const ms = BACK_OFF_MS[tries]
      if (ms !== undefined) return { do: 'wait', ms, event: limit(kind, `the model does not answer: ${verdict.reason}; trying again in ${ms / 1000} s`, now + ms) }
      const until = iso(now + OUTAGE_MS)
      return { do: 'end', exitCode: RALPH_EXIT.paused, reason: `the model does not answer: ${verdict.reason}`, until, event: limit(kind, `the model does not answer: ${verdict.reason}`, now + OUTAGE_MS) }
    }
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
const limit = (kind: 'usage' | 'overloaded' | 'network', message: string, until: number): RalphEventBody => ({ event: 'limit', kind, message, until: iso(until) })
