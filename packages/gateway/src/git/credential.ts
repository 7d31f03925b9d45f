import { FactoryError, type Logger } from '@factory/shared'
import type { GatewayConfig } from '../config.ts'
import type { GitCredential } from './route.ts'

/** The credential that the configuration describes. */
export function gitCredentialFrom(config: GatewayConfig, _logger: Logger): GitCredential {
  const access = config.github
  if (access.kind === 'token') return async () => ({ username: 'x-access-token', password: access.token })
  return async () => {
    throw new FactoryError('unavailable', 'GitHub App credentials are not wired yet')
  }
}
