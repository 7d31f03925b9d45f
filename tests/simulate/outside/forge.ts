import type { ForgePull, MoveResult } from '../../../packages/orchestrator/src/ports/forge.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Settings } from '../settings.ts'

export type Pull = ForgePull & { repo: string; itemId: number }

/** Repositories, branches that move by compare-and-swap, and pull requests. */
export class Forge {
  readonly refs = new Map<string, string>()
  readonly pulls: Pull[] = []
  away = false
  /** Until when it says "later". */
  limitedUntil = 0
  readonly #kernel: Kernel
  readonly #settings: Settings

  constructor(kernel: Kernel, settings: Settings) {
    this.#kernel = kernel
    this.#settings = settings
  }

  branchHead(repo: string, branch: string): string | null {
    return this.refs.get(`${repo}:${branch}`) ?? null
  }

  moveBranch(repo: string, branch: string, sha: string, expected: string | null): MoveResult {
    const actual = this.branchHead(repo, branch)
    if (actual !== sha && actual !== expected) {
      this.#kernel.count('refused swap')
      if (!this.#settings.without.has('cas')) return { kind: 'conflict', actual }
    }
    this.refs.set(`${repo}:${branch}`, sha)
    for (const pull of this.pulls) if (pull.repo === repo && pull.headBranch === branch && pull.state === 'open') pull.headSha = sha
    this.#kernel.version++
    return { kind: 'moved' }
  }

  findPulls(repo: string, branch: string): ForgePull[] {
    return this.pulls.filter((pull) => pull.repo === repo && pull.headBranch === branch).map((pull) => ({ ...pull })).toReversed()
  }

  /** An open one from that branch is returned as it is. */
  createPull(repo: string, branch: string, itemId: number): ForgePull {
    const open = this.pulls.find((pull) => pull.repo === repo && pull.headBranch === branch && pull.state === 'open')
    if (open) {
      this.#kernel.count('pull request was there')
      return { ...open }
    }
    const number = this.pulls.length + 1
    const pull: Pull = { number, url: `pull/${number}`, state: 'open', merged: false, draft: false, title: '', body: '', headBranch: branch, headSha: this.branchHead(repo, branch) ?? '', baseBranch: 'main', repo, itemId }
    this.pulls.push(pull)
    this.#kernel.version++
    this.#kernel.count('pull request created')
    return { ...pull }
  }

  updatePull(number: number, change: { state?: 'open' }): ForgePull {
    const pull = this.pulls[number - 1]
    if (!pull) throw new Error(`there is no pull request ${number}`)
    if (change.state === 'open' && pull.state === 'closed' && !pull.merged) {
      this.#kernel.count('pull request reopened')
      pull.state = 'open'
      pull.headSha = this.branchHead(pull.repo, pull.headBranch) ?? pull.headSha
    }
    this.#kernel.version++
    return { ...pull }
  }

  /** A push of a run to its own ref. */
  pushWip(repo: string, itemId: number, token: number, sha: string): void {
    this.refs.set(`${repo}:wip/${itemId}/${token}`, sha)
  }
}
