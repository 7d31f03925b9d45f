import type { Fault } from './script.ts'

type Answer = { status: number; headers: Record<string, string>; body: { type: 'error'; error: { type: string; message: string } } }

const answer = (status: number, type: string, message: string, headers: Record<string, string> = {}): Answer => ({ status, headers, body: { type: 'error', error: { type, message } } })

const SHORT = { five_hour: '5h', seven_day: '7d' } as const

/**
 * The service's error answer for a fault; null is a connection that ends without an answer. `now` in
 * epoch seconds. The headers of `usage_limit` are those that Claude Code 2.1.328 turns into
 * `rate_limit_event` (it does so for a subscription's token, not for an API key).
 */
export function toAnswer(fault: Fault, now: number, model: string): Answer | null {
  switch (fault.kind) {
    case 'usage_limit': {
      const reset = String(fault.resets_at ?? Math.round(now + (fault.resets_in ?? 3600)))
      const window = SHORT[fault.window]
      return answer(429, 'rate_limit_error', "This request would exceed your account's rate limit. Please try again later.", {
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-reset': reset,
        'anthropic-ratelimit-unified-representative-claim': fault.window,
        [`anthropic-ratelimit-unified-${window}-status`]: 'rejected',
        [`anthropic-ratelimit-unified-${window}-reset`]: reset,
        [`anthropic-ratelimit-unified-${window}-utilization`]: '1.0',
        'retry-after': String(Math.max(0, Math.round(Number(reset) - now))),
        'x-should-retry': 'false',
      })
    }
    case 'rate_limit':
      return answer(429, 'rate_limit_error', 'Number of request tokens has exceeded your per-minute rate limit.', { 'retry-after': String(fault.retry_after ?? 2) })
    case 'overloaded':
      return answer(529, 'overloaded_error', 'Overloaded')
    case 'server_error':
      return answer(500, 'api_error', 'Internal server error')
    case 'unauthorized':
      return answer(401, 'authentication_error', 'invalid x-api-key')
    case 'forbidden':
      return answer(403, 'permission_error', 'Your API key does not have permission to use the specified resource.')
    case 'low_credit':
      return answer(400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.')
    case 'model_not_found':
      return answer(404, 'not_found_error', `model: ${model}`)
    case 'prompt_too_long':
      return answer(400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum')
    case 'disconnect':
      return null
  }
}
