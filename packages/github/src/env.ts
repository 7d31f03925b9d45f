import { envUrl } from '@factory/shared'
import { z } from 'zod'

/**
 * A private key as people put one into an environment: the PEM text itself, the same with `\n`
 * written out (one line of an `.env` file), or base64 of it.
 */
const PrivateKey = z.string().transform((text, context) => {
  const unescaped = text.replace(/\\n/g, '\n').trim()
  if (isPem(unescaped)) return `${unescaped}\n`
  const decoded = Buffer.from(text, 'base64').toString('utf8').trim()
  if (isPem(decoded)) return `${decoded}\n`
  context.addIssue({ code: 'custom', message: 'must be a PEM private key' })
  return z.NEVER
})

function isPem(text: string): boolean {
  return /^-----BEGIN [A-Z ]*PRIVATE KEY-----\n[\s\S]+\n-----END [A-Z ]*PRIVATE KEY-----$/.test(text)
}

/** Spread into the configuration schema of a service that talks to GitHub: `z.object({ ...githubEnv })`. */
export const githubEnv = {
  GITHUB_TOKEN: z.string().min(1).optional().describe('a personal access token with contents, issues and pull requests: write'),
  GITHUB_APP_ID: z.string().regex(/^\d+$/, 'must be a number').optional().describe('the number of your GitHub App (its settings page shows it)'),
  GITHUB_APP_PRIVATE_KEY: PrivateKey.optional().describe('the PEM private key of the GitHub App: with \\n for line ends, or base64 of the file'),
  GITHUB_API_URL: envUrl('https://api.github.com').default('https://api.github.com'),
  GITHUB_URL: envUrl('https://github.com').default('https://github.com'),
} as const

const GithubEnv = z.object(githubEnv)
export type GithubEnv = z.infer<typeof GithubEnv>

/** Who we are towards GitHub. */
export type GithubCredential = { kind: 'token'; token: string } | { kind: 'app'; id: string; privateKey: string } | { kind: 'none' }

/** The App wins over the token: it has the narrower rights and the higher rate limit. */
export function githubCredential(env: GithubEnv): GithubCredential {
  if (env.GITHUB_APP_ID && env.GITHUB_APP_PRIVATE_KEY) return { kind: 'app', id: env.GITHUB_APP_ID, privateKey: env.GITHUB_APP_PRIVATE_KEY }
  if (env.GITHUB_TOKEN) return { kind: 'token', token: env.GITHUB_TOKEN }
  return { kind: 'none' }
}

/** One line per thing that is missing or half given; for a service's own `superRefine` or start check. */
export function githubEnvProblems(env: GithubEnv): string[] {
  if (env.GITHUB_APP_ID && !env.GITHUB_APP_PRIVATE_KEY) return ['GITHUB_APP_PRIVATE_KEY is not set, but GITHUB_APP_ID is. Set it to the PEM private key of the App.']
  if (!env.GITHUB_APP_ID && env.GITHUB_APP_PRIVATE_KEY) return ['GITHUB_APP_ID is not set, but GITHUB_APP_PRIVATE_KEY is. Set it to the number of the App.']
  if (!env.GITHUB_APP_ID && !env.GITHUB_TOKEN) return ['GITHUB_TOKEN is not set. Set it to a personal access token (or set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY).']
  return []
}
