import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { ForgeError, type Forge, type NewPull } from './forge.ts'

/** A call that the forge carries out although its answer is lost. */
export type LostAnswer = 'answered 502' | 'never answered'
export type ForgeCall = 'move branch' | 'delete ref' | 'create pull' | 'update pull'

/** A forge with one repository, and what the suite needs besides the port. */
export type ForgeWorld = {
  forge: Forge
  /** `owner/name`; its default branch is `main` and holds README.md ("hello\n") and a folder `src`. */
  repo: string
  baseSha: string
  /** A commit on top of `baseSha` that stands only under `refs/factory/wip/…`, as runs push theirs. */
  commit(name: string): Promise<string>
  /** Is there such a ref (`refs/factory/wip/x`)? */
  hasRef(ref: string): Promise<boolean>
  /** The next such call is done, and its answer is lost. */
  loseAnswer(call: ForgeCall, how: LostAnswer): void
  /** Every call is answered 502 until `mend`. */
  breakDown(): void
  mend(): void
  /** Lists of pull requests lag behind: they are empty until `mend`. */
  hidePulls(): void
  /** A rule of the repository refuses every push from now on, with these words. */
  refusePushes(words: string): Promise<void>
  closePull(number: number): Promise<void>
  /** The same forge for a credential that may read and not write; that nobody issued; that must wait an hour. */
  as(whom: 'reader' | 'nobody' | 'limited'): Forge
  /** A repository without a commit. */
  emptyRepo: string
  stop(): Promise<void>
}

/** What the port promises; runs against every adapter. */
export function forgeContract(name: string, start: () => Promise<ForgeWorld>): void {
  describe(`Forge: ${name}`, () => {
    let world: ForgeWorld
    let forge: Forge
    let repo: string
    beforeEach(async () => {
      world = await start()
      ;({ forge, repo } = world)
    }, 30_000)
    afterEach(() => world.stop())

    const branch = 'factory/7-add-a-cart'
    const failure = async (call: Promise<unknown>): Promise<ForgeError> => {
      const error: unknown = await call.then(
        () => null,
        (caught: unknown) => caught,
      )
      if (!(error instanceof ForgeError)) throw new Error(`a ForgeError was promised, not ${String(error)}`)
      return error
    }
    const pull = (over: Partial<NewPull> = {}): NewPull => ({ repo, head: branch, base: 'main', title: 'Add a cart', body: 'Closes #1', ...over })
    const pushBranch = async (commit = 'one') => {
      const sha = await world.commit(commit)
      await forge.moveBranch(repo, branch, sha, null)
      return sha
    }

    test('describes a repository, and names one that is not there', async () => {
      expect(await forge.repository(repo)).toMatchObject({ fullName: repo, defaultBranch: 'main', archived: false })
      expect((await failure(forge.repository('acme/nothing'))).code).toBe('repository_not_found')
    })

    test('reads files of the default branch or a ref; no file is null, no repository an error', async () => {
      expect(await forge.readFile(repo, 'README.md')).toBe('hello\n')
      expect(await forge.readFile(repo, 'README.md', world.baseSha)).toBe('hello\n')
      expect(await forge.readFile(repo, 'nothing.md')).toBeNull()
      expect(await forge.readFile(repo, 'src')).toBeNull()
      expect((await failure(forge.readFile('acme/nothing', 'README.md'))).code).toBe('repository_not_found')
    })

    test('branch heads: a commit, null for none, an error for no repository', async () => {
      expect(await forge.branchHead(repo, 'main')).toBe(world.baseSha)
      expect(await forge.branchHead(repo, 'nothing')).toBeNull()
      expect(await forge.branchHead(world.emptyRepo, 'main')).toBeNull()
      expect((await failure(forge.branchHead('acme/nothing', 'main'))).code).toBe('repository_not_found')
    })

    test('moveBranch creates, moves, rewrites, and repeats without harm', async () => {
      const [one, two] = [await world.commit('one'), await world.commit('two')]
      expect(await forge.moveBranch(repo, branch, one, null)).toEqual({ kind: 'moved' })
      expect(await forge.moveBranch(repo, branch, one, null)).toEqual({ kind: 'moved' })
      // `two` is no descendant of `one`.
      expect(await forge.moveBranch(repo, branch, two, one)).toEqual({ kind: 'moved' })
      expect(await forge.moveBranch(repo, branch, two, one)).toEqual({ kind: 'moved' })
      expect(await forge.branchHead(repo, branch)).toBe(two)
    })

    test('moveBranch leaves a branch that stands elsewhere alone', async () => {
      const [one, two] = [await world.commit('one'), await world.commit('two')]
      expect(await forge.moveBranch(repo, branch, two, one)).toEqual({ kind: 'conflict', actual: null })
      await forge.moveBranch(repo, branch, one, null)
      expect(await forge.moveBranch(repo, branch, two, null)).toEqual({ kind: 'conflict', actual: one })
      expect(await forge.moveBranch(repo, branch, two, world.baseSha)).toEqual({ kind: 'conflict', actual: one })
      expect(await forge.branchHead(repo, branch)).toBe(one)
    })

    test('two creations at once: one commit wins, the other is told', async () => {
      const shas = [await world.commit('one'), await world.commit('two')]
      const results = await Promise.all(shas.map((sha) => forge.moveBranch(repo, branch, sha, null)))
      expect(results.filter(({ kind }) => kind === 'moved')).toHaveLength(1)
      const winner = shas[results.findIndex(({ kind }) => kind === 'moved')] ?? ''
      expect(results).toContainEqual({ kind: 'conflict', actual: winner })
      expect(await forge.branchHead(repo, branch)).toBe(winner)
    })

    test('of moves that expect the same one wins, whether they create or move; the others are told', async () => {
      const shas = [await world.commit('one'), await world.commit('two'), await world.commit('three'), await world.commit('four')]
      let expected: string | null = null
      for (let round = 0; round < 6; round++) {
        const from: string | null = expected
        const racers: string[] = shas.filter((sha) => sha !== from)
        const results = await Promise.all(racers.map((sha) => forge.moveBranch(repo, branch, sha, from)))
        const winner: string = racers[results.findIndex(({ kind }) => kind === 'moved')] ?? ''
        expect(results.filter(({ kind }) => kind === 'moved')).toHaveLength(1)
        expect(results.filter(({ kind }) => kind === 'conflict')).toEqual(Array.from({ length: racers.length - 1 }, () => ({ kind: 'conflict', actual: winner })))
        expect(await forge.branchHead(repo, branch)).toBe(winner)
        expected = winner
      }
    }, 60_000)

    test('a rule of the repository that refuses the move is told in its words, and trying again does not help', async () => {
      const sha = await world.commit('one')
      await world.refusePushes('Branches need a ticket number')
      const refused = await failure(forge.moveBranch(repo, branch, sha, null))
      expect(refused).toMatchObject({ code: 'push_refused', retryable: false })
      expect(refused.message).toContain('Branches need a ticket number')
      expect(refused.message).toContain(branch)
      expect(await forge.branchHead(repo, branch)).toBeNull()
    })

    test('a commit that the forge does not have is named', async () => {
      expect((await failure(forge.moveBranch(repo, branch, '1'.repeat(40), null))).code).toBe('object_missing')
    })

    test('one pull request per head and base, however often it is asked for', async () => {
      const sha = await pushBranch()
      expect(await forge.findPulls(repo, branch)).toEqual([])
      const first = await forge.createPull(pull())
      expect(first).toMatchObject({ kind: 'created', pull: { state: 'open', merged: false, draft: false, title: 'Add a cart', body: 'Closes #1', headBranch: branch, headSha: sha, baseBranch: 'main' } })
      const second = await forge.createPull(pull({ title: 'Another title' }))
      expect(second).toEqual({ kind: 'exists', pull: first.pull })
      expect(await forge.findPulls(repo, branch)).toEqual([first.pull])
      const both = await Promise.all([forge.createPull(pull()), forge.createPull(pull())])
      expect(both.map(({ kind }) => kind)).toEqual(['exists', 'exists'])
    })

    test('two at once make one', async () => {
      await pushBranch()
      const both = await Promise.all([forge.createPull(pull()), forge.createPull(pull())])
      expect(both.map(({ kind }) => kind).sort()).toEqual(['created', 'exists'])
      expect(await forge.findPulls(repo, branch)).toHaveLength(1)
    })

    test('one that was made and is not listed yet is not made again', async () => {
      await pushBranch()
      world.loseAnswer('create pull', 'answered 502')
      world.hidePulls()
      expect(await failure(forge.createPull(pull()))).toMatchObject({ code: 'unreachable', retryable: true })
      expect(await failure(forge.createPull(pull()))).toMatchObject({ code: 'inconsistent', retryable: true })
      world.mend()
      expect(await forge.createPull(pull())).toMatchObject({ kind: 'exists' })
      expect(await forge.findPulls(repo, branch)).toHaveLength(1)
    })

    test('pull requests are found in all states, and only those of that branch', async () => {
      await pushBranch()
      const { pull: made } = await forge.createPull(pull({ draft: true }))
      expect(made.draft).toBe(true)
      await world.closePull(made.number)
      expect(await forge.findPulls(repo, branch)).toMatchObject([{ number: made.number, state: 'closed', merged: false }])
      expect(await forge.findPulls(repo, 'factory/7-add')).toEqual([])
      expect(await forge.findPulls(repo, 'main')).toEqual([])
    })

    test('what cannot be a pull request says why', async () => {
      expect((await failure(forge.createPull(pull()))).code).toBe('branch_missing')
      await forge.moveBranch(repo, branch, world.baseSha, null)
      const empty = await failure(forge.createPull(pull()))
      expect(empty).toMatchObject({ code: 'no_commits', retryable: false })
    })

    test('updatePull changes what is given and nothing else', async () => {
      await pushBranch()
      const { pull: made } = await forge.createPull(pull())
      expect(await forge.updatePull(repo, made.number, { body: 'New evidence' })).toEqual({ ...made, body: 'New evidence' })
      expect(await forge.updatePull(repo, made.number, { state: 'closed' })).toMatchObject({ state: 'closed', title: 'Add a cart' })
      expect(await forge.updatePull(repo, made.number, { state: 'open', title: 'T' })).toMatchObject({ state: 'open', title: 'T' })
    })

    test('deleteRef deletes, and again', async () => {
      await world.commit('one')
      expect(await world.hasRef('refs/factory/wip/one')).toBe(true)
      await forge.deleteRef(repo, 'refs/factory/wip/one')
      expect(await world.hasRef('refs/factory/wip/one')).toBe(false)
      await forge.deleteRef(repo, 'refs/factory/wip/one')
      expect((await failure(forge.deleteRef('acme/nothing', 'refs/factory/wip/one'))).code).toBe('repository_not_found')
    })

    describe.each(['answered 502', 'never answered'] as const)('carried out and %s', (how) => {
      test('moveBranch finds what it did', async () => {
        const [one, two] = [await world.commit('one'), await world.commit('two')]
        world.loseAnswer('move branch', how)
        expect(await forge.moveBranch(repo, branch, one, null)).toEqual({ kind: 'moved' })
        world.loseAnswer('move branch', how)
        expect(await forge.moveBranch(repo, branch, two, one)).toEqual({ kind: 'moved' })
        expect(await forge.branchHead(repo, branch)).toBe(two)
      })

      test('createPull finds what it made', async () => {
        await pushBranch()
        world.loseAnswer('create pull', how)
        const made = await forge.createPull(pull())
        expect(await forge.findPulls(repo, branch)).toEqual([made.pull])
      })

      test('updatePull and deleteRef end as if nothing had happened', async () => {
        await pushBranch()
        const { pull: made } = await forge.createPull(pull())
        world.loseAnswer('update pull', how)
        expect(await forge.updatePull(repo, made.number, { title: 'T' })).toMatchObject({ title: 'T' })
        world.loseAnswer('delete ref', how)
        await forge.deleteRef(repo, 'refs/factory/wip/one')
        expect(await world.hasRef('refs/factory/wip/one')).toBe(false)
      })
    })

    test('a forge that is down is unreachable and worth another try; afterwards everything goes on', async () => {
      const sha = await world.commit('one')
      world.breakDown()
      const calls = [forge.repository(repo), forge.branchHead(repo, 'main'), forge.moveBranch(repo, branch, sha, null), forge.createPull(pull()), forge.findPulls(repo, branch), forge.deleteRef(repo, 'refs/factory/wip/one')]
      for (const error of await Promise.all(calls.map(failure))) expect(error).toMatchObject({ code: 'unreachable', retryable: true })
      world.mend()
      expect(await forge.moveBranch(repo, branch, sha, null)).toEqual({ kind: 'moved' })
      expect(await forge.createPull(pull())).toMatchObject({ kind: 'created' })
    }, 30_000)

    test('missing rights, a wrong credential and a limit are told apart', async () => {
      await pushBranch()
      const forbidden = await failure(world.as('reader').createPull(pull()))
      expect(forbidden).toMatchObject({ code: 'repository_forbidden', retryable: false })
      expect((await failure(world.as('nobody').repository(repo)))).toMatchObject({ code: 'auth', retryable: false })
      const limited = await failure(world.as('limited').repository(repo))
      expect(limited).toMatchObject({ code: 'rate_limited', retryable: true })
      expect(limited.retryAt?.getTime()).toBeGreaterThan(Date.now() + 3_000_000)
    })
  })
}
