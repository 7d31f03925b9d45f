/**
 * Where repositories, branches and pull requests live, as the publisher needs it.
 *
 * What every implementation MUST do (forge.contract.ts runs against each):
 * - Any call may be repeated for ever: the second time changes nothing and gives the same answer.
 * - A call that was carried out although its answer was lost (a 502, a timeout) counts as carried
 *   out: the implementation looks before it says that something failed, and repeating it finds
 *   what the first one did.
 * - Every failure is a {@link ForgeError}. `null` and "none" are answers about a repository that
 *   could be read, never a guess made from a failure.
 * - Rate limits are waited out where that is short; otherwise the error says `retryAt`.
 * - No message contains a credential.
 */
export interface Forge {
  /** @throws ForgeError `repository_not_found` when it is missing or hidden from our credential. */
  repository(repo: string): Promise<ForgeRepository>

  /** The text of a file on a ref (default: the default branch). null: no such file, or not a file. */
  readFile(repo: string, path: string, ref?: string): Promise<string | null>

  /** The commit a branch stands on. null: there is no such branch. */
  branchHead(repo: string, branch: string): Promise<string | null>

  /**
   * Makes `branch` point to `toSha`, a commit that the forge already has (runs push theirs to
   * `refs/factory/wip/…`), if it still stands on `expected`; `expected` null means "create it".
   * History may be rewritten (force). A branch that stands on `toSha` already is `moved`.
   *
   * This is a compare-and-swap at the forge (a push with a lease): of two moves that expect the same,
   * one wins and the other is told where the branch stands now.
   * @throws ForgeError `push_refused` when a rule or a hook of the repository does not allow it; the
   * message has its words.
   * @throws ForgeError `object_missing` when the forge does not have `toSha`.
   */
  moveBranch(repo: string, branch: string, toSha: string, expected: string | null): Promise<MoveResult>

  /** Every pull request from that branch of this same repository, in all states, newest first. */
  findPulls(repo: string, headBranch: string): Promise<ForgePull[]>

  /**
   * Opens a pull request. When an open one from `head` to `base` exists already, it is returned
   * unchanged as `exists`. One that the forge knows of and does not list yet is `inconsistent`, never made
   * a second time. It does not look for closed ones: callers ask `findPulls` first.
   * A draft that the forge's plan does not offer is opened as an ordinary one.
   * @throws ForgeError `no_commits` when head has nothing that base lacks, `branch_missing` when
   * head or base is not there.
   */
  createPull(input: NewPull): Promise<CreatePullResult>

  /** Changes what is given and nothing else. `state: 'open'` reopens where the forge allows it. */
  updatePull(repo: string, number: number, change: PullChange): Promise<ForgePull>

  /** Deletes a full ref name (`refs/factory/wip/7/3`). One that is not there is deleted already. */
  deleteRef(repo: string, ref: string): Promise<void>
}

export type ForgeRepository = {
  /** As the forge spells it now; differs from what was asked after a rename or in case. */
  fullName: string
  defaultBranch: string
  private: boolean
  /** Read-only for ever: nothing can be pushed. */
  archived: boolean
  /** May our credential push? null: the forge does not say. */
  canPush: boolean | null
  url: string
}

export type ForgePull = {
  number: number
  /** For people. */
  url: string
  state: 'open' | 'closed'
  merged: boolean
  draft: boolean
  title: string
  body: string
  headBranch: string
  headSha: string
  baseBranch: string
}

export type MoveResult = { kind: 'moved' } | { kind: 'conflict'; actual: string | null }

export type NewPull = { repo: string; head: string; base: string; title: string; body: string; draft?: boolean }
export type CreatePullResult = { kind: 'created'; pull: ForgePull } | { kind: 'exists'; pull: ForgePull }
export type PullChange = { title?: string; body?: string; state?: 'open' | 'closed'; base?: string }

export const FORGE_ERROR_CODES = [
  'repository_not_found', // missing, or hidden from our credential
  'repository_forbidden', // seen, but the credential may not do this; the message names the right
  'auth', // the credential itself is refused
  'rate_limited', // come back at `retryAt`
  'unreachable', // no answer, or a 5xx
  'push_refused', // a rule or a hook of the repository does not let the branch be moved
  'inconsistent', // the forge says of a thing both that it is there and that it is not; it will settle
  'object_missing', // the commit is not in the repository
  'branch_missing', // head or base of a pull request is not there
  'no_commits', // nothing between base and head
  'validation', // the forge refuses the input; a repetition will not help
  'unknown',
] as const
export type ForgeErrorCode = (typeof FORGE_ERROR_CODES)[number]

/** Codes after which the same call may succeed later without anybody changing anything. */
const RETRYABLE: readonly ForgeErrorCode[] = ['rate_limited', 'unreachable', 'inconsistent', 'unknown']

export class ForgeError extends Error {
  readonly code: ForgeErrorCode
  readonly retryable: boolean
  /** Not before this; null: whenever the caller's own back-off says. */
  readonly retryAt: Date | null

  constructor(code: ForgeErrorCode, message: string, options: ErrorOptions & { retryAt?: Date | undefined } = {}) {
    super(message, options)
    this.name = 'ForgeError'
    this.code = code
    this.retryable = RETRYABLE.includes(code)
    this.retryAt = options.retryAt ?? null
  }
}
