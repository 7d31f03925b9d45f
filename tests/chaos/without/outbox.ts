import type { Forge, ForgePull } from '../../../packages/orchestrator/src/ports/forge.ts'

const sent = (repo: string, branch: string): ForgePull => ({ number: 1, url: `http://forge/${repo}/pull/1`, state: 'closed', merged: true, draft: false, title: '', body: '', headBranch: branch, headSha: '', baseBranch: 'main' })

/** For `--without outbox`: the workers have sent everything when they ended (send-directly.ts), so the publisher believes that it is done. */
export const directForge: Forge = {
  repository: (repo) => Promise.resolve({ fullName: repo, defaultBranch: 'main', private: false, archived: false, canPush: true, url: `http://forge/${repo}` }),
  readFile: () => Promise.resolve(null),
  branchHead: () => Promise.resolve(null),
  moveBranch: () => Promise.resolve({ kind: 'moved' }),
  findPulls: (repo, branch) => Promise.resolve([sent(repo, branch)]),
  createPull: ({ repo, head }) => Promise.resolve({ kind: 'exists', pull: sent(repo, head) }),
  updatePull: (repo) => Promise.resolve(sent(repo, '')),
  deleteRef: () => Promise.resolve(),
}
