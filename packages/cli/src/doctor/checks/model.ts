import { fail, ok, warn, type Finding } from '../finding.ts'
import type { Examined } from '../examined.ts'

/** Only whether there is a credential and of which form: trying it would cost money. */
export function checkModel({ env }: Pick<Examined, 'env'>): Finding {
  const { ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN } = env
  if (ANTHROPIC_API_KEY === undefined && CLAUDE_CODE_OAUTH_TOKEN === undefined) {
    return fail('model', 'no model credential is set', 'Set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN (run `claude setup-token`); `factory demo` needs neither')
  }
  if (ANTHROPIC_API_KEY !== undefined && CLAUDE_CODE_OAUTH_TOKEN !== undefined) return warn('model', 'both ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are set', 'Take the one out that you do not want to pay with')
  if (ANTHROPIC_API_KEY !== undefined && ANTHROPIC_API_KEY.startsWith('sk-ant-oat')) return fail('model', 'ANTHROPIC_API_KEY holds a subscription token', 'Put it into CLAUDE_CODE_OAUTH_TOKEN instead')
  return ok('model', ANTHROPIC_API_KEY !== undefined ? 'ANTHROPIC_API_KEY is set (not tried: that would cost)' : 'CLAUDE_CODE_OAUTH_TOKEN is set (not tried: that would cost)')
}
