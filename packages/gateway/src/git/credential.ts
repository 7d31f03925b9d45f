import { createGithub } from '@factory/github'
import { FactoryError, type Logger } from '@factory/shared'
import type { GatewayConfig } from '../config.ts'
import type { GitCredential } from './route.ts'

/** The credential that the configuration describes: the token, or one of the App for this repository only. */
export function gitCredentialFrom(config: GatewayConfig, logger: Logger): GitCredential {
  const { github: access } = config
  const github = createGithub({
    ...(access.kind === 'token' ? { token: access.token } : { app: { id: access.id, privateKey: access.privateKey } }),
    apiUrl: config.githubApiUrl,
    webUrl: config.githubUrl,
    logger,
  })
  return async (repo) => {
    try {
      return await github.gitCredential(repo)
    } catch (error) {
      throw new FactoryError('unavailable', `the forge gave no credential for ${repo}`, [], { cause: error })
    }
  }
}
