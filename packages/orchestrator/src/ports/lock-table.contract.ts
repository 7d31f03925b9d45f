import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Clock } from './clock.ts'
import type { LockTable } from './lock-table.ts'

export type LocksUnderTest = {
  open(clock: Clock): LockTable
  /** Makes the table believe that this time has passed. */
  passTime(locks: LockTable, seconds: number): Promise<void>
  /** Forgets all locks of a repository whose name starts with this. */
  clear(locks: LockTable, prefix: string): Promise<void>
}

const TTL = 100
const PATHS = ['a.ts', 'src/b.ts', 'src/[c]*?.ts', 'ü }:{ d']

type Step =
  | { verb: 'acquire' | 'renew' | 'release'; repo: number; paths: string[]; run: number; ttl: number }
  | { verb: 'pass'; seconds: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      verb: fc.constantFrom('acquire', 'acquire', 'renew', 'release'),
      repo: fc.nat({ max: 1 }),
      paths: fc.array(fc.constantFrom(...PATHS), { minLength: 0, maxLength: 5 }),
      run: fc.integer({ min: 1, max: 3 }),
      ttl: fc.constantFrom(10, 60, TTL),
    }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('pass' as const), seconds: fc.constantFrom(1, 30, 70) }) },
)

/** What a table should hold: repository and path to run and end, in seconds. */
class Model {
  now = 0
  readonly held = new Map<string, { run: number; until: number }>()

  private readonly key = (repo: number, path: string) => `${repo} ${path}`
  at(repo: number, path: string): { run: number; until: number } | undefined {
    const lock = this.held.get(this.key(repo, path))
    return lock && lock.until > this.now ? lock : undefined
  }

  /** What the verb should answer. */
  apply(one: Exclude<Step, { verb: 'pass' }>): boolean | number {
    const paths = [...new Set(one.paths)]
    const mine = paths.filter((path) => this.at(one.repo, path)?.run === one.run)
    if (one.verb === 'acquire') {
      if (paths.some((path) => (this.at(one.repo, path)?.run ?? one.run) !== one.run)) return false
      for (const path of paths) this.held.set(this.key(one.repo, path), { run: one.run, until: this.now + one.ttl })
      return true
    }
    for (const path of mine) {
      if (one.verb === 'renew') this.held.set(this.key(one.repo, path), { run: one.run, until: this.now + one.ttl })
      else this.held.delete(this.key(one.repo, path))
    }
    return mine.length
  }

  living(): string[] {
    return [...this.held].filter(([, lock]) => lock.until > this.now).map(([key, lock]) => `${key} ${lock.run}`)
  }
}

let serial = 0

export function lockTableContract(name: string, part: LocksUnderTest): void {
  describe(`${name} keeps the promise of LockTable`, () => {
    let offset = 0
    const clock: Clock = { now: () => new Date(1_800_000_000_000 + offset) }
    let locks: LockTable
    beforeAll(() => {
      locks = part.open(clock)
    })
    afterAll(() => locks.close())

    const pass = async (seconds: number) => {
      offset += seconds * 1000
      await part.passTime(locks, seconds)
    }
    /** A repository nobody used before, so that tests do not meet. */
    const fresh = () => `ct${process.pid}-${(serial += 1)}/shop`
    const owner = (runId: number) => ({ runId, itemId: runId * 10 })

    test('says who holds what, since when and until when', async () => {
      const repo = fresh()
      expect(await locks.acquire(repo, ['a.ts', 'b.ts', 'a.ts'], owner(1), TTL)).toEqual({ granted: true })
      const since = clock.now()
      expect((await locks.list(repo)).sort((a, b) => a.path.localeCompare(b.path))).toEqual([
        { repo, path: 'a.ts', runId: 1, itemId: 10, since, until: new Date(since.getTime() + TTL * 1000) },
        { repo, path: 'b.ts', runId: 1, itemId: 10, since, until: new Date(since.getTime() + TTL * 1000) },
      ])
      await pass(5)
      const refused = await locks.acquire(repo, ['z.ts', 'b.ts'], owner(2), TTL)
      expect(refused).toEqual({ granted: false, conflicts: [{ repo, path: 'b.ts', runId: 1, itemId: 10, since, until: new Date(since.getTime() + TTL * 1000) }] })
      expect((await locks.list()).filter((lock) => lock.repo === repo)).toHaveLength(2)
    })

    test('taking or renewing again keeps "since" and moves "until"', async () => {
      const repo = fresh()
      await locks.acquire(repo, ['a.ts'], owner(1), TTL)
      const since = clock.now()
      await pass(40)
      await locks.acquire(repo, ['a.ts'], owner(1), TTL)
      await pass(40)
      expect(await locks.renew(repo, ['a.ts', 'not-held.ts'], owner(1), TTL)).toBe(1)
      await pass(90)
      expect(await locks.list(repo)).toEqual([{ repo, path: 'a.ts', ...owner(1), since, until: new Date(since.getTime() + (40 + 40 + TTL) * 1000) }])
      await pass(11)
      expect(await locks.list(repo)).toEqual([])
      expect(await locks.renew(repo, ['a.ts'], owner(1), TTL)).toBe(0)
    })

    test('no paths are granted and change nothing', async () => {
      const repo = fresh()
      expect(await locks.acquire(repo, [], owner(1), TTL)).toEqual({ granted: true })
      expect(await locks.renew(repo, [], owner(1), TTL)).toBe(0)
      expect(await locks.release(repo, [], owner(1))).toBe(0)
      expect(await locks.list(repo)).toEqual([])
    })

    test('big numbers and long names stay what they are', async () => {
      const repo = fresh()
      const big = { runId: 9_007_199_254_740_991, itemId: 900_719_925_474_099 }
      const path = `${'d/'.repeat(400)}"quoted" \\ back.ts`
      await locks.acquire(repo, [path], big, TTL)
      expect(await locks.list(repo)).toMatchObject([{ path, ...big }])
      expect(await locks.acquire(repo, [path], { ...big, runId: big.runId - 1 }, TTL)).toMatchObject({ granted: false })
      expect(await locks.release(repo, [path], big)).toBe(1)
    })

    test('a table that was just made is not whole; restored it is, with every lock as the mirror has it', async () => {
      const repo = fresh()
      const made = part.open(clock)
      try {
        expect(await made.isWhole()).toBe(false)
        await made.acquire(repo, ['a.ts', 'c.ts'], owner(9), TTL)
        const since = new Date(clock.now().getTime() - 5000)
        const until = new Date(clock.now().getTime() + TTL * 1000)
        await made.restore([{ repo, path: 'a.ts', ...owner(1), since, until }, { repo, path: 'b.ts', ...owner(2), since, until }])
        expect(await made.isWhole()).toBe(true)
        expect((await made.list(repo)).sort((a, b) => a.path.localeCompare(b.path))).toMatchObject([
          { path: 'a.ts', ...owner(1), since, until },
          { path: 'b.ts', ...owner(2) },
          { path: 'c.ts', ...owner(9) },
        ])
        expect(await made.acquire(repo, ['b.ts'], owner(1), TTL)).toMatchObject({ granted: false })
        expect(await made.renew(repo, ['a.ts'], owner(1), TTL)).toBe(1)
      } finally {
        await part.clear(made, repo)
        await made.close()
      }
    })

    test('whatever happens: one owner a path, all or none, only one’s own is renewed or given back, ends come by themselves', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          const repos = [fresh(), fresh()]
          const model = new Model()
          for (const one of steps) {
            if (one.verb === 'pass') {
              model.now += one.seconds
              await pass(one.seconds)
            } else {
              const repo = repos[one.repo] ?? ''
              const expected = model.apply(one)
              if (one.verb === 'acquire') expect((await locks.acquire(repo, one.paths, owner(one.run), one.ttl)).granted).toBe(expected === true)
              else if (one.verb === 'renew') expect<boolean | number>(await locks.renew(repo, one.paths, owner(one.run), one.ttl)).toBe(expected)
              else expect<boolean | number>(await locks.release(repo, one.paths, owner(one.run))).toBe(expected)
            }
            const listed = await Promise.all(repos.map(async (repo, index) => (await locks.list(repo)).map((lock) => `${index} ${lock.path} ${lock.runId}`)))
            expect(listed.flat().sort()).toEqual(model.living().sort())
          }
          for (const repo of repos) await part.clear(locks, repo)
        }),
        { numRuns: 60 },
      )
    })

    test('many at once: who was granted holds all of it, and nobody else any of it', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 12 }), async (wanted) => {
          const repo = fresh()
          // Several processes share one Redis; a table in memory has one process to serve.
          const others = locks.kind === 'redis' ? Array.from({ length: 3 }, () => part.open(clock)) : []
          try {
            const results = await Promise.all(wanted.map((paths, index) => (others[index % 3] ?? locks).acquire(repo, paths, owner(index + 1), TTL)))
            const granted = wanted.flatMap((paths, index) => (results[index]?.granted ? paths.map((path) => `${path} ${index + 1}`) : []))
            expect((await locks.list(repo)).map((lock) => `${lock.path} ${lock.runId}`).sort()).toEqual(granted.sort())
            expect(new Set(granted.map((text) => text.split(' ')[0])).size).toBe(granted.length)
          } finally {
            await Promise.all(others.map((one) => one.close()))
            await part.clear(locks, repo)
          }
        }),
        { numRuns: 25 },
      )
    })
  })
}
