import { explainGithubError, type PushReport, type Refs } from '@factory/github'
import { redactText } from '@factory/shared'
import { ForgeError, type MoveResult } from '../ports/forge.ts'

type Move = { repo: string; branch: string; toSha: string; expected: string | null }

/**
 * Moves a branch by a push with a lease. The forge has the objects already, so that the push is one
 * command and an empty pack, and the server compares and moves in one step. Whatever was answered, or was
 * not, it looks once more before it says that it failed.
 */
export async function moveBranch(refs: Refs, { repo, branch, toSha, expected }: Move): Promise<MoveResult> {
  const ref = `refs/heads/${branch}`
  const before = await refs.look(repo, ref)
  const known = settled(before.at, toSha, expected)
  if (known) return known
  const outcome = await before.swap(toSha).catch((error: unknown) => ({ error }))
  if ('ok' in outcome && outcome.ok) return { kind: 'moved' }
  // Somebody was faster, or it was done although the answer says otherwise or never came.
  const problem = 'error' in outcome ? outcome.error : nameRefusal(branch, toSha, outcome)
  if ('error' in outcome && explainGithubError(outcome.error).code !== 'unreachable') throw outcome.error
  const now = settled((await refs.look(repo, ref)).at, toSha, expected)
  if (now) return now
  throw problem
}

/** What is known without moving anything; null: the branch stands where it may be moved from. */
function settled(at: string | null, toSha: string, expected: string | null): MoveResult | null {
  if (at === toSha) return { kind: 'moved' }
  return at === expected ? null : { kind: 'conflict', actual: at }
}

/** Git and its hosts tell their reasons in words only. */
function nameRefusal(branch: string, toSha: string, { reason, words }: Extract<PushReport, { ok: false }>): ForgeError {
  if (/missing necessary objects|bad pack|can't find|does not exist/i.test(`${reason} ${words}`)) return new ForgeError('object_missing', `the forge does not have the commit ${toSha}: ${reason}`)
  const said = words === '' ? '' : `: ${redactText(words.replace(/\s+/g, ' ')).slice(0, 1000)}`
  // A lock that another push held a moment ago; git words it as a failure of the ref, not of the push.
  if (/failed to update ref|cannot lock ref|failed to lock|internal/i.test(reason)) return new ForgeError('unknown', `the forge could not move ${branch} (${reason})${said}`)
  return new ForgeError('push_refused', `the repository does not let ${branch} be moved (${reason})${said}`)
}
