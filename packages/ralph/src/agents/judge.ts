import type { Verdict } from './agent.ts'
import type { StreamState } from './stream.ts'

/** How the program ended, as far as we had a hand in it. */
export type Ending = {
  /** We ended it: because we were told to, it said nothing, took too long, went round in circles, or did not exit. */
  by: 'itself' | 'abort' | 'silence' | 'time' | 'same_call' | 'lingering'
  exitCode: number | null
  signal: string | null
  /** The last of stderr, for people. */
  stderr: string
}

/** The CLI's words for a credential or an account that is refused. An enumeration of it, not wording. */
const REFUSED = new Set(['authentication_failed', 'oauth_org_not_allowed', 'account_on_hold', 'verification_required', 'billing_error', 'cloud_credential_error'])
const BUSY = new Set(['rate_limit', 'overloaded'])
/** Without a status: no answer came, or it broke off. */
const CUT_OFF = new Set(['server_error', 'unknown'])

/**
 * `is_error` of the last result decides that it failed; `api_error_status` and the error field of the
 * last message say why. Never the exit code (0 after SIGINT, 1 after a limit), never the subtype
 * ("success" with is_error), never the wording.
 *
 * When to come back is known for a rejected window only (`resetsAt`). The delays of `api_retry` are not
 * used: the CLI has waited for them itself by the time it gives up, and the retry-after at which it
 * gives up at once is not in the stream.
 */
export function judge(state: StreamState, ending: Ending): Verdict {
  if (ending.by === 'abort') return { kind: 'aborted' }
  if (ending.by === 'silence') return { kind: 'failed', reason: 'the agent was silent for too long and was ended' }
  if (ending.by === 'time') return { kind: 'failed', reason: 'the iteration took longer than allowed and was ended' }
  if (ending.by === 'same_call') return { kind: 'failed', reason: repeated(state) }
  const result = state.result
  if (!result) return { kind: 'failed', reason: crashed(ending) }
  if (!result.is_error) return { kind: 'worked' }
  const status = result.api_error_status ?? null
  const error = state.apiError ?? ''
  const said = (result.result ?? result.errors?.join('; ') ?? '').slice(0, 500)
  const reason = `${said || result.subtype || 'the agent failed'}${status === null ? '' : ` (HTTP ${status})`}`

  if (state.rejected && (status === 429 || (status === null && error === 'rate_limit'))) return { kind: 'usage_limit', until: state.rejected.resetsAt === null ? null : state.rejected.resetsAt * 1000, reason }
  if (status === 401 || status === 402 || status === 403 || REFUSED.has(error)) return { kind: 'auth', reason }
  if (status === 404 || error === 'model_not_found') return { kind: 'auth', reason: `the model cannot be used: ${reason}` }
  if (status === 408 || status === 429 || (status !== null && status >= 500) || BUSY.has(error)) return { kind: 'overloaded', reason }
  if (status === null && CUT_OFF.has(error)) return { kind: 'network', reason }
  return { kind: 'failed', reason }
}

function repeated(state: StreamState): string {
  const call = state.repeats.looping
  const what = call ? `${call.tool} ${call.input}`.slice(0, 300) : 'the same tool call'
  return `the agent made the same tool call eight times in a row, each time with the same answer, and was ended: ${what}`
}

function crashed(ending: Ending): string {
  const how = ending.signal ? `was killed by ${ending.signal}` : `exited with ${ending.exitCode ?? 'no code'}`
  const last = ending.stderr.trim().split('\n').slice(-3).join(' ').slice(0, 500)
  return `the agent ${how} without a result${last ? `: ${last}` : ''}`
}
