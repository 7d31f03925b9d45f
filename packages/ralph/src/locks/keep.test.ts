import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { RalphEventBody } from '@factory/shared/ralph'
import fc from 'fast-check'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { commitWork, openGit, type Git } from '../git/git.ts'
import { makeRepo, PATH, type Repo } from '../testing.ts'
import type { Answer } from './ask.ts'
import { keepWithinLocks, type Kept } from './keep.ts'

// Real git processes on a machine that may be busy.
setDefaultTimeout(120_000)

let repo: Repo
const dirs: string[] = []
afterEach(async () => {
  await repo?.remove()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

const held = (reason = 'run 7 has it'): Answer => ({ kind: 'held', reason })
type Run = Kept & { events: RalphEventBody[]; slept: number[]; asked: string[]; git: Git; parent: string }

async function keep(answer: (path: string, tries: number) => Answer, base = repo.git('rev-parse', 'HEAD')): Promise<Run> {
  const git = openGit(repo.dir, PATH)
  const parent = repo.git('rev-parse', 'HEAD')
  const events: RalphEventBody[] = []
  const slept: number[] = []
  const asked: string[] = []
  const kept = await keepWithinLocks({
    git,
    base,
    parent,
    emit: (event) => void events.push(event),
    sleep: async (ms) => void slept.push(ms),
    signal: new AbortController().signal,
    ask: async (path) => {
      asked.push(path)
      return answer(path, asked.filter((other) => other === path).length)
    },
  })
  return { ...kept, events, slept, asked: [...new Set(asked)].sort(), git, parent }
}
const theirs = (...paths: string[]) => keep((path) => (paths.includes(path) ? held() : { kind: 'granted' }))
const status = () => repo.git('status', '--porcelain', '--untracked-files=all').split('\n').filter(Boolean).map((line) => line.trim())

describe('what came by other means than the hook', () => {
  test('a change of somebody else\'s file is undone and told, and nothing else is touched', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n', 'b ü.txt': 'b\n', 'mine.txt': 'm\n' })
    await repo.write({ 'a.txt': 'changed\n', 'b ü.txt': 'changed\n', 'mine.txt': 'changed\n', 'new mine.txt': 'n\n', 'new/deep/theirs.txt': 'n\n' })
    const run = await theirs('a.txt', 'b ü.txt', 'new/deep/theirs.txt')
    expect(run.undone).toEqual(['a.txt', 'b ü.txt', 'new/deep/theirs.txt'].map((path) => ({ path, reason: 'run 7 has it' })))
    expect(run.unknown).toEqual([])
    expect(run.events).toEqual(run.undone.map((one) => ({ event: 'lock.violation' as const, ...one })))
    expect(readFileSync(join(repo.dir, 'a.txt'), 'utf8')).toBe('a\n')
    expect(existsSync(join(repo.dir, 'new'))).toBe(false)
    const { commit } = await commitWork(run.git, { branch: 'refs/heads/main', parent: run.parent }, 'work')
    expect(repo.git('show', '--name-only', '--format=', commit ?? '').split('\n').sort()).toEqual(['mine.txt', 'new mine.txt'])
  })

  test('nothing changed, nothing asked', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    expect((await theirs('a.txt')).asked).toEqual([])
  })

  test('what is as it was at base again needs nobody: an earlier mistake can be taken back', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n', 'b.txt': 'b\n' })
    const base = repo.git('rev-parse', 'HEAD')
    await repo.write({ 'a.txt': 'theirs, changed\n', 'b.txt': 'b2\n', 'new.txt': 'n\n' })
    repo.git('add', '--all')
    repo.git('commit', '--quiet', '--message=mistake')
    await repo.write({ 'a.txt': 'a\n', 'b.txt': 'b3\n' })
    rmSync(join(repo.dir, 'new.txt'))
    const run = await keep(() => held(), base)
    expect(run.asked).toEqual(['b.txt'])
    expect(status()).toEqual(['M  a.txt', 'D  new.txt'])
  })

  test('a deleted file, a mode, a link and a type come back', async () => {
    repo = await makeRepo({ 'gone.txt': 'g\n', 'run.sh': 'r\n', 'link': 'l\n', 'deep/gone.txt': 'd\n' })
    rmSync(join(repo.dir, 'gone.txt'))
    rmSync(join(repo.dir, 'deep'), { recursive: true })
    chmodSync(join(repo.dir, 'run.sh'), 0o755)
    rmSync(join(repo.dir, 'link'))
    symlinkSync('run.sh', join(repo.dir, 'link'))
    const run = await theirs('gone.txt', 'run.sh', 'link', 'deep/gone.txt')
    expect(run.undone).toHaveLength(4)
    expect(status()).toEqual([])
    expect(lstatSync(join(repo.dir, 'link')).isFile()).toBe(true)
  })

  test('a rename is two paths, each with a lock of its own', async () => {
    repo = await makeRepo({ 'from.txt': 'some words\n', 'other.txt': 'others\n' })
    repo.git('mv', 'from.txt', 'to.txt')
    repo.git('mv', 'other.txt', 'otherwise.txt')
    const run = await theirs('from.txt', 'otherwise.txt')
    expect(run.asked).toEqual(['from.txt', 'other.txt', 'otherwise.txt', 'to.txt'])
    expect(readdirSync(repo.dir).filter((name) => name !== '.git').sort()).toEqual(['from.txt', 'to.txt'])
  })

  test('a folder in the place of a file goes, ignored files in it, too', async () => {
    repo = await makeRepo({ 'config': 'c\n', '.gitignore': 'node_modules\n' })
    rmSync(join(repo.dir, 'config'))
    await repo.write({ 'config/mine.txt': 'm\n', 'config/node_modules/x.txt': 'x\n' })
    await theirs('config')
    expect(readFileSync(join(repo.dir, 'config'), 'utf8')).toBe('c\n')
    expect(status()).toEqual([])
  })

  test('a file in the place of a folder goes', async () => {
    repo = await makeRepo({ 'src/a.txt': 'a\n', 'src/b.txt': 'b\n' })
    rmSync(join(repo.dir, 'src'), { recursive: true })
    await repo.write({ src: 'now a file\n' })
    await theirs('src/a.txt')
    expect(status()).toEqual(['D  src/b.txt'])
  })

  test.each([['seen by git', ''], ['ignored by git', 'src\n']])('a link in the place of a folder is not written through: %s', async (_name, ignored) => {
    const outside = mkdtempSync(join(tmpdir(), 'ralph-outside-'))
    dirs.push(outside)
    repo = await makeRepo({ 'src/a.txt': 'a\n' })
    writeFileSync(join(repo.dir, '.git/info/exclude'), ignored)
    rmSync(join(repo.dir, 'src'), { recursive: true })
    symlinkSync(outside, join(repo.dir, 'src'))
    await theirs('src/a.txt')
    expect(readdirSync(outside)).toEqual([])
    expect(readFileSync(join(repo.dir, 'src/a.txt'), 'utf8')).toBe('a\n')
  })

  test('names that git would read as patterns are names', async () => {
    repo = await makeRepo({ '*.txt': 'star\n', 'a.txt': 'a\n', ':(top)b': 'b\n', '-x': 'x\n', 'line\nbreak': 'l\n', '"quoted"': 'q\n' })
    await repo.write({ '*.txt': '1\n', 'a.txt': '1\n', ':(top)b': '1\n', '-x': '1\n', 'line\nbreak': '1\n', '"quoted"': '1\n' })
    const run = await theirs('*.txt', ':(top)b', '-x', 'line\nbreak', '"quoted"')
    expect(run.unknown).toEqual([])
    expect(status()).toEqual(['M  a.txt'])
  })

  test('a submodule that moved, and a repository that was put here', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    const inner = await makeRepo({ 'x.txt': 'x\n' })
    dirs.push(inner.dir)
    repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.dir, 'sub')
    repo.git('commit', '--quiet', '--message=sub')
    inner.git('commit', '--quiet', '--allow-empty', '--message=moved')
    repo.git('-C', 'sub', '-c', 'protocol.file.allow=always', 'pull', '--quiet')
    repo.git('add', 'sub')
    repo.git('-c', 'protocol.file.allow=always', 'clone', '--quiet', inner.dir, 'nested')
    const run = await theirs('sub', 'nested')
    expect(run.undone.map(({ path }) => path)).toEqual(['sub'])
    // A repository of its own gets into no commit, so there is nothing to hold against a lock.
    expect(status()).toEqual(['?? nested/'])
  })

  test('the repository\'s hooks and pathspec settings do not come into it', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ '.git/hooks/post-checkout': `#!/bin/sh\ntouch '${repo.dir}/ran'\n` })
    chmodSync(join(repo.dir, '.git/hooks/post-checkout'), 0o755)
    await repo.write({ 'a.txt': 'b\n' })
    await theirs('a.txt')
    expect(existsSync(join(repo.dir, 'ran'))).toBe(false)
  })

  test('one that cannot be put back is told, and does not keep the others', async () => {
    repo = await makeRepo({ 'a.bin': 'a\n', 'b.txt': 'b\n' })
    await repo.write({ 'b.txt': 'changed\n' })
    const blob = repo.git('rev-parse', 'HEAD:a.bin')
    rmSync(join(repo.dir, '.git/objects', blob.slice(0, 2), blob.slice(2)))
    rmSync(join(repo.dir, 'a.bin'))
    const run = await theirs('a.bin', 'b.txt')
    expect(run.undone.map(({ path }) => path)).toEqual(['b.txt'])
    expect(run.unknown).toEqual([{ path: 'a.bin', reason: expect.stringContaining('could not be undone') }])
  })
})

describe('when nobody can be asked', () => {
  test('three tries with pauses; the change stays', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'a.txt': 'b\n' })
    const run = await keep(() => ({ kind: 'unknown', reason: 'away' }))
    expect(run).toMatchObject({ undone: [], unknown: [{ path: 'a.txt', reason: 'away' }], events: [], slept: [250, 1000] })
    expect(readFileSync(join(repo.dir, 'a.txt'), 'utf8')).toBe('b\n')
  })

  test('an answer at the third try counts', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'a.txt': 'b\n' })
    expect(await keep((_path, tries) => (tries < 3 ? { kind: 'unknown', reason: 'away' } : { kind: 'granted' }))).toMatchObject({ undone: [], unknown: [] })
  })

  test('a thousand files are not asked for three times each', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, ''])))
    const run = await keep(() => ({ kind: 'unknown', reason: 'away' }))
    expect(run.unknown).toHaveLength(1000)
    expect(run.asked.length).toBeLessThan(20)
  })
})

describe('any tree', () => {
  const PATHS = ['a', 'a/b', 'a/b/c', 'b', 'b/x', 'c c/ü', 'd']
  type Leaf = { text: string; kind: 'file' | 'program' | 'link' }
  type Tree = Map<string, Leaf>
  const inTheWay = (path: string, other: string) => path !== other && (other.startsWith(`${path}/`) || path.startsWith(`${other}/`))
  const tree: fc.Arbitrary<Tree> = fc
    .array(fc.tuple(fc.constantFrom(...PATHS), fc.record({ text: fc.constantFrom('1', '2', 'a'), kind: fc.constantFrom('file' as const, 'file' as const, 'program' as const, 'link' as const) })), { maxLength: 7 })
    .map((entries) => new Map(entries.filter(([path], index) => !entries.slice(0, index).some(([other]) => inTheWay(path, other)))))

  function lay(leaves: Tree): void {
    for (const name of readdirSync(repo.dir)) if (name !== '.git') rmSync(join(repo.dir, name), { recursive: true })
    for (const [path, { text, kind }] of leaves) {
      mkdirSync(dirname(join(repo.dir, path)), { recursive: true })
      if (kind === 'link') symlinkSync(text, join(repo.dir, path))
      else writeFileSync(join(repo.dir, path), text, { mode: kind === 'program' ? 0o755 : 0o644 })
    }
  }
  function see(folder = ''): Tree {
    const seen: Tree = new Map()
    for (const entry of readdirSync(join(repo.dir, folder), { withFileTypes: true })) {
      const path = folder ? `${folder}/${entry.name}` : entry.name
      const full = join(repo.dir, path)
      if (path === '.git') continue
      if (entry.isDirectory()) for (const [inner, leaf] of see(path)) seen.set(inner, leaf)
      else if (entry.isSymbolicLink()) seen.set(path, { text: readlinkSync(full), kind: 'link' })
      else seen.set(path, { text: readFileSync(full, 'utf8'), kind: (lstatSync(full).mode & 0o100) === 0 ? 'file' : 'program' })
    }
    return seen
  }
  const sorted = (leaves: Tree) => [...leaves].sort(([a], [b]) => (a < b ? -1 : 1))

  test('held paths are what they were, all others what the agent left, whatever was done', async () => {
    repo = await makeRepo({})
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.uniqueArray(fc.constantFrom(...PATHS)), async (before, after, locked) => {
        lay(before)
        repo.git('add', '--all')
        repo.git('commit', '--quiet', '--message=parent', '--allow-empty')
        lay(after)
        const run = await theirs(...locked)
        const back = new Map([...before].filter(([path]) => locked.includes(path)))
        const left = [...after].filter(([path]) => !locked.includes(path) && ![...back.keys()].some((other) => inTheWay(path, other)))
        const expected: Tree = new Map([...left, ...back])
        expect(sorted(see())).toEqual(sorted(expected))
        expect(run.unknown).toEqual([])
        const { tree: committed } = await commitWork(run.git, { branch: 'refs/heads/main', parent: run.parent }, 'work')
        expect(repo.git('ls-tree', '-r', '-z', '--name-only', committed).split('\0').filter(Boolean).sort()).toEqual([...expected.keys()].sort())
      }),
      { numRuns: 60, interruptAfterTimeLimit: 60_000 },
    )
  })
})
