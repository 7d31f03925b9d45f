import { z } from 'zod'
import { fail, ok, warn, type Finding } from '../finding.ts'
import { limit, reason, type Examined } from '../examined.ts'
import { appToken } from '../github-app.ts'

const User = z.object({ login: z.string() })
const App = z.object({ slug: z.string().optional(), name: z.string() })
const Repository = z.object({ full_name: z.string(), archived: z.boolean().default(false), permissions: z.object({ push: z.boolean() }).optional() })
const Installation = z.object({ permissions: z.record(z.string(), z.string()) })

/** Who we are at GitHub, and whether each repository can be pushed to. */
export async function checkGithub({ env }: Examined): Promise<Finding[]> {
  const { GITHUB_TOKEN, GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY, GITHUB_API_URL, REPOS } = env
  const repos = REPOS ?? []
  if (GITHUB_TOKEN !== undefined) return byToken(GITHUB_API_URL, GITHUB_TOKEN, repos)
  if (GITHUB_APP_ID !== undefined && GITHUB_APP_PRIVATE_KEY !== undefined) return byApp(GITHUB_API_URL, GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY, repos)
  if (GITHUB_APP_ID !== undefined || GITHUB_APP_PRIVATE_KEY !== undefined) return [fail('github', 'only one of GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY is set', 'Set both, or GITHUB_TOKEN')]
  return [fail('github', 'there is no credential', 'Set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY (`factory demo` needs none)')]
}

async function byToken(api: string, token: string, repos: readonly string[]): Promise<Finding[]> {
  try {
    const answer = await get(api, '/user', token)
    if (answer.status === 401) return [fail('github', 'GitHub does not accept GITHUB_TOKEN', 'Make a new token with access to Contents, Issues and Pull requests (read and write)')]
    if (!answer.ok) return [fail('github', `GitHub answers ${answer.status}`, 'Try again later; status.github.com tells of outages')]
    const { login } = User.parse(await answer.json())
    const scopes = answer.headers.get('x-oauth-scopes')
    const classic = scopes !== null && scopes.trim() !== ''
    const weak = classic && !scopes.split(',').some((scope) => ['repo', 'public_repo'].includes(scope.trim()))
    const who = weak
      ? fail('github', `signed in as ${login}, but the token's scopes (${scopes}) do not include repo`, 'Give the token the scope repo (workflow too, if runs may change workflows)')
      : ok('github', `signed in as ${login}${classic ? `, scopes ${scopes}` : ''}`)
    if (repos.length === 0) return [who, warn('repositories', 'REPOS is not set: no issues are watched', 'Set REPOS=owner/name,owner/name')]
    return [who, ...(await Promise.all(repos.map((repo) => checkRepository(api, token, repo))))]
  } catch (error) {
    return [unreachable(api, error)]
  }
}

async function checkRepository(api: string, token: string, repo: string): Promise<Finding> {
  const name = `repository ${repo}`
  try {
    const answer = await get(api, `/repos/${repo}`, token)
    if (answer.status === 404) return fail(name, 'does not exist, or the token may not see it', 'Correct REPOS, or give the token access to this repository')
    if (!answer.ok) return fail(name, `GitHub answers ${answer.status}`, 'Check the token\'s access to this repository')
    const { archived, permissions } = Repository.parse(await answer.json())
    if (archived) return fail(name, 'is archived: nothing can be pushed', 'Take it out of REPOS, or unarchive it')
    if (!permissions?.push) return fail(name, 'can be read but not pushed to', 'Give the token (or its owner) write access to Contents and Pull requests')
    return ok(name, 'can be pushed to')
  } catch (error) {
    return fail(name, reason(error), 'Try again')
  }
}

async function byApp(api: string, id: string, key: string, repos: readonly string[]): Promise<Finding[]> {
  const token = appToken(id, key, Date.now())
  if (token === null) return [fail('github', 'GITHUB_APP_PRIVATE_KEY is not a private key', 'Put the whole PEM file there, line breaks as \\n')]
  try {
    const answer = await get(api, '/app', token)
    if (!answer.ok) return [fail('github', `GitHub does not accept the App (${answer.status})`, 'GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY must be of the same App, and this clock right')]
    const app = App.parse(await answer.json())
    const installed = await Promise.all(
      repos.map(async (repo): Promise<Finding> => {
        const name = `repository ${repo}`
        const found = await get(api, `/repos/${repo}/installation`, token)
        if (!found.ok) return fail(name, `the App ${app.name} is not installed there`, 'Install the App on this repository')
        const { permissions } = Installation.parse(await found.json())
        const lacking = ['contents', 'issues', 'pull_requests'].filter((permission) => permissions[permission] !== 'write')
        return lacking.length > 0 ? fail(name, `the App may not write ${lacking.join(', ')}`, "Change the App's permissions and accept them in the installation") : ok(name, 'can be pushed to')
      }),
    )
    return [ok('github', `signed in as the App ${app.name}`), ...installed]
  } catch (error) {
    return [unreachable(api, error)]
  }
}

function unreachable(api: string, error: unknown): Finding {
  return fail('github', `${api} does not answer as GitHub does: ${reason(error)}`, 'Check the network and GITHUB_API_URL')
}

function get(api: string, path: string, token: string): Promise<Response> {
  return fetch(api.replace(/\/+$/, '') + path, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json', 'user-agent': 'factory-doctor' },
    signal: limit(),
    // A renamed repository answers with a redirect on the same host; elsewhere the token must not go.
    redirect: new URL(api).protocol === 'https:' ? 'follow' : 'manual',
  })
}
