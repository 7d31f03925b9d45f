import { createAppAuth } from '@octokit/auth-app'
import type { Octokit } from '@octokit/rest'

export type AppTokens = {
  /** A token of the installation that covers the repository; all its rights. */
  forRepo(repo: string): Promise<string>
  /** A token that reaches only this repository's contents: for git. */
  forGit(repo: string): Promise<string>
  /** The App's own JWT, for the few routes that are about the App itself. */
  forApp(): Promise<string>
}

/**
 * Tokens of a GitHub App. The installation is looked up once per repository; installation tokens
 * live an hour and are cached by @octokit/auth-app for 59 minutes.
 * @param bare an Octokit without authentication (but with the retry and throttling plugins)
 */
export function createAppTokens(bare: Octokit, app: { id: string; privateKey: string }): AppTokens {
  const auth = createAppAuth({ appId: app.id, privateKey: app.privateKey, request: bare.request })
  const installations = new Map<string, Promise<number>>()

  const forApp = async () => (await auth({ type: 'app' })).token

  const installationOf = (repo: string): Promise<number> => {
    const known = installations.get(repo)
    if (known) return known
    const looked = lookUp(repo)
    installations.set(repo, looked)
    // A failed look-up is not remembered: the App may be installed in the meantime.
    looked.catch(() => installations.delete(repo))
    return looked
  }

  const lookUp = async (full: string): Promise<number> => {
    const [owner = '', repo = ''] = full.split('/')
    const { data } = await bare.rest.apps.getRepoInstallation({ owner, repo, headers: { authorization: `Bearer ${await forApp()}` } })
    return data.id
  }

  return {
    forApp,
    async forRepo(repo) {
      return (await auth({ type: 'installation', installationId: await installationOf(repo) })).token
    },
    async forGit(repo) {
      const name = repo.split('/')[1] ?? ''
      const token = await auth({ type: 'installation', installationId: await installationOf(repo), repositoryNames: [name], permissions: { contents: 'write' } })
      return token.token
    },
  }
}
