import { z } from 'zod'
import { FactoryError } from './errors.ts'

/** `owner/name` as a forge spells it. Dots, dashes and underscores as GitHub allows them. */
export const RepoName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/[A-Za-z0-9._-]{1,100}$/, 'must be owner/name')
  .refine((name) => !/\/\.{1,2}$/.test(name), 'must be owner/name')
export type RepoName = z.infer<typeof RepoName>

/**
 * Reads `owner/name`, `https://host/owner/name(.git)` or `git@host:owner/name.git`. A URL must
 * name the configured forge's host: the gateway can only reach that one, and any other scheme
 * (`file:`, `ext::`) would let a caller run git transports on our side.
 */
export function parseRepo(input: string, forgeUrl: string): RepoName {
  const text = input.trim()
  const short = RepoName.safeParse(text)
  if (short.success) return short.data
  const wrong = (problem: string) => new FactoryError('bad_request', `repo: ${problem}`, [{ path: 'repo', problem }])
  const ssh = /^git@([^:/]+):(.+)$/.exec(text)
  let host: string
  let path: string
  if (ssh) {
    host = ssh[1] ?? ''
    path = ssh[2] ?? ''
  } else {
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw wrong('must be owner/name or an http(s) URL of a repository')
    const url = new URL(text)
    host = url.host
    path = url.pathname.slice(1)
  }
  const forgeHost = new URL(forgeUrl).host
  if (host.toLowerCase() !== forgeHost.toLowerCase()) throw wrong(`is on ${host}; this factory works with ${forgeHost}`)
  const name = RepoName.safeParse(path.replace(/\/$/, '').replace(/\.git$/, ''))
  if (!name.success) throw wrong('must name one repository as owner/name')
  return name.data
}
