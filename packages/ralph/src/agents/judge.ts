import type { Verdict } from './agent.ts'
import type { StreamState } from './stream.ts'

/** How the program ended, as far as we had a hand in it. */
export type Ending = {
  /** We ended it: because we were told to, it said nothing, took too long, or did not exit. */
  by: 'itself' | 'abort' | 'silence' | 'time' | 'lingering'
  exitCode: number | null
  signal: string | null
  /** The last of stderr, for people. */
  stderr: string
}

/**
 * `is_error` of the last result decides. Never the exit code (0 after SIGINT, 1 after a limit), never
 * the subtype ("success" with is_error), never the wording.
 */
export function judge(state: StreamState, ending: Ending): Verdict {
  if (ending.by === 'abort') return { kind: 'aborted' }
  if (ending.by === 'silence') return { kind: 'failed', reason: 'the agent was silent for too long and was ended' }
  if (ending.by === 'time') return { kind: 'failed', reason: 'the iteration took longer than allowed and was ended' }
  const result = state.result
  if (!result) return { kind: 'failed', reason: crashed(ending) }
  if (!result.is_error) return { kind: 'worked' }
  const status = result.api_error_status ?? null
  const said = (result.result ?? result.errors?.join('; ') ?? '').slice(0, 500)
  const reason = `${said || result.subtype || 'the agent failed'}${status === null ? '' : ` (HTTP ${status})`}`

  if (state.rejected && (status === 429 || status === null)) return { kind: 'usage_limit', until: state.rejected.resetsAt === null ? null : state.rejected.resetsAt * 1000, reason }
  if (status === 401 || status === 402 || status === 403 || state.apiError === 'authentication_failed' || state.apiError === 'billing_error') return { kind: 'auth', reason }
  if (status === 404) return { kind: 'auth', reason: `the model cannot be used: ${reason}` }
  if (status === 408 || status === 429 || (status !== null && status >= 500)) return { kind: 'overloaded', reason }
  // No status, but the CLI made the answer itself: nothing answered at the other end.
  if (status === null && state.apiError !== null && result.subtype === 'success') return { kind: 'network', reason }
  return { kind: 'failed', reason }
}

function crashed(ending: Ending): string {
  const how = ending.signal ? `was killed by ${ending.signal}` : `exited with ${ending.exitCode ?? 'no code'}`
  const last = ending.stderr.trim().split('\n').slice(-3).join(' ').slice(0, 500)
  return `the agent ${how} without a result${last ? `: ${last}` : ''}`
}
