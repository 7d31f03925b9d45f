import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scriptedAgent } from '../agents/scripted.ts'
import { LARGEST_FILE } from '../git/held-back.ts'
import type { Repo } from '../testing.ts'
import { changed, CHECK, greet, makeHostile, makeTrap, put, ralph, said, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let trap: ReturnType<typeof makeTrap> | undefined
afterEach(async () => {
  trap?.remove()
  trap = undefined
  await repo?.remove()
})

const ONE = { ...CHECK, bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } }
const sparse = (path: string, size: number): void => {
  put(repo, path, '')
  truncateSync(join(repo.dir, path), size)
}

describe('what the agent leaves that no commit can hold: named, told to the next iteration, and left where it is', () => {
  const CASES: [string, () => unknown, string, string][] = [
    ['a file beyond the limit', () => sparse('huge.bin', LARGEST_FILE + 1), 'huge.bin', 'is larger than 50 MiB'],
    ['one that is staged', () => { sparse('huge.bin', LARGEST_FILE + 1); sh(repo.dir, 'git add huge.bin') }, 'huge.bin', 'is larger than 50 MiB'],
    ['a tracked file that grew', () => { sparse('b.txt', LARGEST_FILE + 1) }, 'b.txt', 'is larger than 50 MiB'],
    ['a nested repository with commits', () => sh(repo.dir, 'git init -q nested; cd nested; echo x > x; git add x; git commit -qm x'), 'nested', 'is a git repository of its own'],
    ['a nested repository without commits', () => sh(repo.dir, 'git init -q nested; echo x > nested/x'), 'nested', 'is a git repository of its own'],
    ['a nested repository that is staged as a link', () => sh(repo.dir, 'git init -q nested; cd nested; echo x > x; git add x; git commit -qm x; cd ..; git add nested 2>/dev/null'), 'nested', 'is a git repository of its own'],
    ['a pipe where a file was', () => sh(repo.dir, 'rm b.txt; mkfifo b.txt'), 'b.txt', 'is neither a file nor a link'],
    ['text that is not what its attribute says', () => put(repo, 'u.txt', Buffer.from([0xff, 0xfe, 0x00])), 'u.txt', 'cannot be committed: '],
    ['a file for LFS', () => put(repo, 'new.psd', 'pixels'), 'new.psd', 'has to pass the filter "lfs"'],
  ]
  test.each(CASES)('%s', async (_name, leave, path, words) => {
    repo = await makeHostile({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitattributes': 'u.txt working-tree-encoding=UTF-16\n*.psd filter=lfs diff=lfs merge=lfs -text\n' })
    const base = repo.git('rev-parse', 'HEAD')
    const agent = scriptedAgent([() => void leave(), greet()])
    const ran = await ralph(repo, [], { agent })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(changed(repo, base)).toEqual(['greeting.txt'])
    expect(said(ran)).toContain(`"${path}" is not in the commit: it ${words}`)
    expect(said(ran).split('is not in the commit')).toHaveLength(2)
    expect(agent.seen[1]?.prompt).toContain(words.slice(0, 30))
    expect(existsSync(join(repo.dir, path))).toBe(true)
  })

  test('a large file costs no memory', async () => {
    repo = await makeHostile()
    const before = process.memoryUsage().rss
    sparse('huge.bin', 300 * 1024 * 1024)
    const ran = await ralph(repo, [greet(() => sparse('made.bin', 50 * 1024 * 1024))])
    expect(ran.exitCode).toBe(0)
    expect(said(ran)).toContain('"huge.bin" is not in the commit')
    expect(repo.git('cat-file', '-s', 'HEAD:made.bin')).toBe(String(50 * 1024 * 1024))
    expect(statSync(join(repo.dir, 'huge.bin')).size).toBe(300 * 1024 * 1024)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })
})

describe('what the agent leaves that a commit holds whole', () => {
  test('names of any kind', async () => {
    const names = [' blank ', 'a b.txt', 'q"uo\'te', 'back\\slash', '-dash', '--all', ':(top)magic', '*?[x]', 'new\nline', 'tab\t', 'é', 'e\u0301', '漢字/🎉', '#comment', '!not', 'HEAD', '$(id)', '`id`', '%41', 'CON', 'SPEC.md.bak', '.aim/x', 'a/.git.x', 'nul\u0001']
    const raw = [Buffer.from([0x66, 0xff, 0xfe]), Buffer.from([0xc3, 0x28, 0x0a])]
    repo = await makeHostile({ 'a.txt': 'a\n' })
    await repo.write({ 'found "one"\n': 'x' })
    const ran = await ralph(repo, [greet((task) => {
      for (const name of names) { mkdirSync(join(task.dir, name, '..'), { recursive: true }); put(task, name, name) }
      for (const name of raw) writeFileSync(Buffer.concat([Buffer.from(`${task.dir}/`), name]), 'raw')
    })])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    const inCommit = Bun.spawnSync(['git', 'ls-tree', '-r', '-z', '--name-only', 'HEAD'], { cwd: repo.dir, env: { PATH: process.env.PATH } }).stdout.toString('latin1').split('\0').filter(Boolean)
    const wanted = [...[...names, 'found "one"\n', 'a.txt', 'greeting.txt'].map((name) => Buffer.from(name).toString('latin1')), ...raw.map((name) => name.toString('latin1'))]
    expect(inCommit.sort()).toEqual(wanted.sort())
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('20,000 files, and directories as deep as git can go', async () => {
    repo = await makeHostile()
    const ran = await ralph(repo, [greet(() => sh(repo.dir, 'for d in $(seq 100); do mkdir -p many/$d; touch many/$d/{1..200}; done; d=deep; for i in $(seq 400); do d=$d/d; done; mkdir -p $d; echo x > $d/x'))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 20_002 } } }])
    expect(repo.git('ls-files', '--', 'many').split('\n')).toHaveLength(20_000)
  })

  test('deeper than git can go: that file alone is left out', async () => {
    repo = await makeHostile()
    const ran = await ralph(repo, [greet(() => sh(repo.dir, 'name=$(printf "d%.0s" $(seq 200)); for i in $(seq 25); do mkdir $name; cd -P $name; done; echo x > x'))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 1 } } }])
  })

  test('links: what they point at is not touched, not read and not followed', async () => {
    trap = makeTrap()
    const outside = trap.dir
    writeFileSync(join(outside, 'theirs.txt'), 'theirs\n')
    repo = await makeHostile({ 'dir/a.txt': 'a\n', 'b.txt': 'b\n' })
    const ran = await ralph(repo, [greet(() => {
      sh(repo.dir, `rm -r dir; ln -s '${outside}' dir; ln -s / root; ln -s loop loop; rm b.txt; ln -s '${outside}/theirs.txt' b.txt`)
      writeFileSync(join(outside, 'a.txt'), 'not ours\n')
    })])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(repo.git('ls-tree', '-r', 'HEAD').split('\n').map((line) => `${line.slice(0, 6)} ${line.split('\t')[1]}`)).toEqual(['120000 b.txt', '120000 dir', '100644 greeting.txt', '120000 loop', '120000 root'])
    expect(readFileSync(join(outside, 'theirs.txt'), 'utf8')).toBe('theirs\n')
    expect(readlinkSync(join(repo.dir, 'b.txt'))).toBe(join(outside, 'theirs.txt'))
  })

  test('a directory where a file was, a file where a directory was, and the mode', async () => {
    repo = await makeHostile({ 'a/x.txt': 'x', 'b.txt': 'b', 'run.sh': 'true' })
    const base = repo.git('rev-parse', 'HEAD')
    const ran = await ralph(repo, [greet(() => sh(repo.dir, 'rm -r a b.txt; echo a > a; mkdir b.txt; echo b > b.txt/b; chmod +x run.sh; mkfifo pipe; mkdir empty; chmod 000 a; chmod 500 b.txt'))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(changed(repo, base)).toEqual(['a', 'a/x.txt', 'b.txt', 'b.txt/b', 'greeting.txt', 'run.sh'])
    expect(repo.git('ls-tree', 'HEAD', 'run.sh')).toStartWith('100755')
    expect(lstatSync(join(repo.dir, 'pipe')).isFIFO()).toBe(true)
  })
})

describe('what git is told to ignore', () => {
  test.each<[string, string]>([['the spec', 'SPEC.md\n.ai\n'], ['everything but some', '*\n!*.txt\n!.gitignore\n']])('%s: the run is right', async (_name, ignore) => {
    repo = await makeHostile({ '.gitignore': ignore })
    expect((await ralph(repo, [greet((task) => put(task, 'stray.log', 'x'))])).exitCode).toBe(0)
    expect(repo.git('show', '--name-only', '--format=', 'HEAD')).toContain('greeting.txt')
  })

  test('everything: nothing was changed, and the run says so', async () => {
    repo = await makeHostile({ 'a.txt': 'a\n' })
    await repo.write({ '.gitignore': '*\n' })
    repo.git('add', '--force', '.gitignore')
    repo.git('commit', '--quiet', '--message=ignore')
    const ran = await ralph(repo, [greet()], { options: ONE })
    expect(ran.exitCode).toBe(11)
    expect(ran.of('task.reopened')[0]).toMatchObject({ rule: 'no_change', reason: expect.stringContaining('without any change') })
  })

  test("the user's own ignore file counts", async () => {
    trap = makeTrap()
    mkdirSync(join(trap.dir, '.config/git'), { recursive: true })
    writeFileSync(join(trap.dir, '.config/git/ignore'), '.idea/\n')
    repo = await makeHostile()
    const { openPlace } = await import('../place.ts')
    const { snapshot } = await import('../git/git.ts')
    await repo.write({ '.idea/workspace.xml': 'x' })
    const head = repo.git('rev-parse', 'HEAD')
    const treeOf = async (home: { HOME?: string }) => (await snapshot((await openPlace({ dir: repo.dir, spec: 'SPEC.md', path: process.env.PATH ?? '', home })).git, head)).tree
    expect(await treeOf({ HOME: trap.dir })).toBe(repo.git('rev-parse', 'HEAD^{tree}'))
    repo.git('reset', '--quiet')
    expect(await treeOf({})).not.toBe(repo.git('rev-parse', 'HEAD^{tree}'))
  })
})

test('LFS pointers stay pointers, in the clean room too', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n'
  repo = await makeHostile({ '.gitattributes': '*.psd filter=lfs diff=lfs merge=lfs -text\n', 'a.psd': pointer, 'b.psd': pointer })
  const base = repo.git('rev-parse', 'HEAD')
  // What somebody with git-lfs sees: the content, with an index that is not up to date.
  put(repo, 'b.psd', 'pixels')
  sh(repo.dir, 'touch -d 2001-01-01 a.psd')
  const ran = await ralph(repo, [greet()], { options: { verify: ['head -1 a.psd | grep -q git-lfs', 'head -1 b.psd | grep -q git-lfs'] } })
  expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
  expect(changed(repo, base)).toEqual(['greeting.txt'])
  expect(readFileSync(join(repo.dir, 'b.psd'), 'utf8')).toBe('pixels')
})

test('a link in the place of a directory of the repository that a later iteration writes to', async () => {
  trap = makeTrap()
  const outside = trap.dir
  repo = await makeHostile({ 'dir/a.txt': 'a\n' })
  symlinkSync(outside, join(repo.dir, 'out'))
  const ran = await ralph(repo, [greet((task) => put(task, 'out/stray.txt', 'x'))])
  expect(ran.exitCode).toBe(0)
  expect(repo.git('ls-tree', '-r', '--name-only', 'HEAD').split('\n')).not.toContain('out/stray.txt')
})
