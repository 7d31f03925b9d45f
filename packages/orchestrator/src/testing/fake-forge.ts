import { ForgeError, type Forge, type ForgePull } from '../ports/forge.ts'

export type FakeForge = Forge & {
  branches: Map<string, string>
  pulls: ForgePull[]
  files: Map<string, string>
  /** Thrown by the next calls, one each, before (`refuse`) or after (`lose`) the call is carried out. */
  faults: { how: 'refuse' | 'lose'; call: keyof Forge; error: ForgeError }[]
}

/** A forge in memory: for tests of those who call one. */
export function fakeForge(): FakeForge {
  const fake: FakeForge = {
    branches: new Map(),
    pulls: [],
    files: new Map(),
    faults: [],
    repository: (repo) => carry('repository', () => ({ fullName: repo, defaultBranch: 'main', private: false, archived: false, canPush: true, url: `http://forge/${repo}` })),
    readFile: (repo, path) => carry('readFile', () => fake.files.get(`${repo}:${path}`) ?? null),
    branchHead: (repo, branch) => carry('branchHead', () => fake.branches.get(`${repo}:${branch}`) ?? null),
    moveBranch: (repo, branch, toSha, expected) =>
      carry('moveBranch', () => {
        const key = `${repo}:${branch}`
        const actual = fake.branches.get(key) ?? null
        if (actual !== toSha && actual !== expected) return { kind: 'conflict', actual }
        fake.branches.set(key, toSha)
        return { kind: 'moved' }
      }),
    findPulls: (_repo, headBranch) => carry('findPulls', () => fake.pulls.filter((pull) => pull.headBranch === headBranch).reverse()),
    createPull: (input) =>
      carry('createPull', () => {
        const open = fake.pulls.find((pull) => pull.headBranch === input.head && pull.state === 'open')
        if (open) return { kind: 'exists', pull: open }
        const pull: ForgePull = {
          number: fake.pulls.length + 1,
          url: `http://forge/${input.repo}/pull/${fake.pulls.length + 1}`,
          state: 'open',
          merged: false,
          draft: false,
          title: input.title,
          body: input.body,
          headBranch: input.head,
          headSha: fake.branches.get(`${input.repo}:${input.head}`) ?? '',
          baseBranch: input.base,
        }
        fake.pulls.push(pull)
        return { kind: 'created', pull }
      }),
    updatePull: (_repo, number, change) =>
      carry('updatePull', () => {
        const pull = fake.pulls.find((one) => one.number === number)
        if (!pull) throw new ForgeError('validation', `no pull request ${number}`)
        return Object.assign(pull, change)
      }),
    deleteRef: () => carry('deleteRef', () => undefined),
  }
  async function carry<T>(call: keyof Forge, act: () => T): Promise<T> {
    const index = fake.faults.findIndex((fault) => fault.call === call)
    const fault = index < 0 ? undefined : fake.faults.splice(index, 1)[0]
    if (fault?.how === 'refuse') throw fault.error
    const result = act()
    if (fault) throw fault.error
    return result
  }
  return fake
}
