import type { OutcomeCode } from '@factory/shared'

/** What git's words about a failed fetch mean. `retry`: it may work in a moment. */
export type FetchProblem = { code: OutcomeCode; message: string; retry: boolean }

/**
 * Git's HTTP client tells the status in its message ("The requested URL returned error: 403"), and
 * prints the gateway's own sentence as lines that begin with "remote:".
 */
export function readFetchProblem(repo: string, stderr: string): FetchProblem {
  const said = stderr.split('\n').filter((line) => line.startsWith('remote: ')).map((line) => line.slice('remote: '.length).trim()).join(' ')
  const tail = said || stderr.trim().split('\n').at(-1) || 'git said nothing'
  const status = Number(/returned error: (\d{3})/.exec(stderr)?.[1] ?? Number.NaN)
  if (status === 404 || /repository '.*' not found/i.test(stderr)) return { code: 'repository_not_found', message: `${repo} was not found: ${tail}`, retry: false }
  if (status === 401 || status === 403 || /Authentication failed|could not read Username/i.test(stderr)) return { code: 'repository_forbidden', message: `${repo} may not be read: ${tail}`, retry: false }
  if (/couldn't find remote ref/i.test(stderr)) return { code: 'repository_not_found', message: `${repo} has no such branch: ${tail}`, retry: false }
  return { code: 'repository_unreachable', message: `${repo} could not be fetched: ${tail}`, retry: true }
}
