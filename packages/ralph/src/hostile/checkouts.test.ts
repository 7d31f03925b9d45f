import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPlace } from '../place.ts'
import type { Repo } from '../testing.ts'
import { changed, greet, makeHostile, put, ralph, sh, SPEC } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await repo?.remove()
})

/** The same repository seen from another directory. */
const seenFrom = (dir: string): Repo => ({ ...repo, dir, git: (...args) => sh(dir, `git ${args.map((arg) => `'${arg}'`).join(' ')}`), remove: async () => undefined })
const write = (dir: string) => put({ dir }, 'SPEC.md', SPEC)

describe('kinds of checkouts that a run works in', () => {
  /** Makes it and returns where Ralph is started. */
  const KINDS: [string, () => string][] = [
    ['a linked worktree, whose .git is a file', () => { const dir = `${repo.dir}-linked`; ends.push(() => rmSync(dir, { recursive: true, force: true })); sh(repo.dir, `git worktree add -q -b other '${dir}'`); return dir }],
    ['a shallow clone', () => { const dir = `${repo.dir}-shallow`; ends.push(() => rmSync(dir, { recursive: true, force: true })); sh(repo.dir, `git commit -q --allow-empty -m more; git clone -q --depth 1 'file://${repo.dir}' '${dir}'`); return dir }],
    ['a detached HEAD', () => { sh(repo.dir, 'git checkout -q --detach'); return repo.dir }],
    ['a sparse checkout', () => { sh(repo.dir, 'git sparse-checkout set --cone src'); expect(existsSync(join(repo.dir, 'docs'))).toBe(false); return repo.dir }],
    ['a sparse index', () => { sh(repo.dir, 'git sparse-checkout set --cone --sparse-index src'); return repo.dir }],
    ['a split index', () => { sh(repo.dir, 'git config core.splitIndex true; git update-index --split-index'); return repo.dir }],
    ['an owner who is another user', () => { sh(repo.dir, 'test "$(id -u)" != 0 || chown -R 12345:12345 .'); return repo.dir }],
    ['a stale index.lock', () => { put(repo, '.git/index.lock', ''); return repo.dir }],
    ['an intent to add, assumed unchanged and skipped entries', () => { sh(repo.dir, 'echo new > new.txt; git add -N new.txt; git update-index --assume-unchanged docs/a.md; git update-index --skip-worktree src/a.txt; echo mine > docs/a.md; echo mine > src/a.txt'); return repo.dir }],
    ['a tag, a branch and a file called HEAD, and a branch named like a path', () => { sh(repo.dir, 'git update-ref refs/tags/HEAD HEAD; git update-ref refs/heads/a.txt HEAD; echo x > HEAD; echo x > main; echo x > "$(git rev-parse HEAD)"'); return repo.dir }],
    ['no info directory in .git', () => { rmSync(join(repo.dir, '.git/info'), { recursive: true, force: true }); return repo.dir }],
    ['an exclude file that is a link to somewhere else', () => { const file = `${repo.dir}-exclude`; ends.push(() => rmSync(file)); sh(repo.dir, `echo '*.mine' > '${file}'; mkdir -p .git/info; ln -sf '${file}' .git/info/exclude`); return repo.dir }],
    ['core.fileMode=false and core.symlinks=false', () => { sh(repo.dir, 'git config core.fileMode false; git config core.symlinks false; chmod +x a.txt'); return repo.dir }],
  ]
  test.each(KINDS)('%s', async (_name, make) => {
    repo = await makeHostile({ 'a.txt': 'a\n', 'docs/a.md': 'a\n', 'src/a.txt': 'a\n' })
    const dir = make()
    write(dir)
    const place = seenFrom(dir)
    const [base, branch] = [place.git('rev-parse', 'refs/heads/main^{commit}'), sh(dir, 'git symbolic-ref -q HEAD || echo detached')]
    const mine = 'cat docs/a.md src/a.txt ../*-exclude 2>/dev/null || true'
    const before = sh(dir, mine)
    const ran = await ralph(place, [greet()])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 1, insertions: 1, deletions: 0 } } }])
    expect(sh(dir, 'git symbolic-ref -q HEAD || echo detached')).toBe(branch)
    expect(place.git('diff', '--name-status', base, 'HEAD', '--')).toContain('A\tgreeting.txt')
    expect(sh(dir, mine)).toBe(before)
    expect(place.git('show', 'HEAD:docs/a.md', 'HEAD:src/a.txt')).toBe('a\na')
    expect(sh(repo.dir, 'git worktree list').split('\n')).toHaveLength(dir.endsWith('-linked') ? 2 : 1)
  })

  test('a sparse clean room is a whole one: checks see the files that the checkout leaves out', async () => {
    repo = await makeHostile({ 'src/a.txt': 'a\n', 'docs/a.md': 'a\n' })
    sh(repo.dir, 'git sparse-checkout set --cone src')
    write(repo.dir)
    const ran = await ralph(repo, [greet()], { options: { verify: ['test -e docs/a.md'] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
  })

  test('a directory inside of the checkout: the agent and the checks work there, commits are whole', async () => {
    repo = await makeHostile({ 'pkg/one/a.txt': 'a\n', 'top.txt': 't\n' })
    const base = repo.git('rev-parse', 'HEAD')
    const dir = join(repo.dir, 'pkg/one')
    write(dir)
    const ran = await ralph(seenFrom(dir), [greet((task) => put({ dir: repo.dir }, 'top.txt', `from ${task.dir.slice(repo.dir.length)}\n`))], { options: { verify: ['test "$(cat greeting.txt)" = hello', 'test -e a.txt'] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(changed(repo, base)).toEqual(['SPEC.md', 'pkg/one/greeting.txt', 'top.txt'])
    expect(readFileSync(join(repo.dir, 'top.txt'), 'utf8')).toBe('from /pkg/one\n')
    expect(readdirSync(dir)).toContain('.ai')
  })

  test.each<[string, () => void]>([
    ['taken away', () => rmSync(join(repo.dir, 'pkg'), { recursive: true })],
    ['made a link that leads outside', () => sh(repo.dir, `rm -r pkg; ln -s '${tmpdir()}' pkg`)],
  ])('a directory inside of the checkout that the agent has %s: the checks do not run elsewhere', async (_name, harm) => {
    repo = await makeHostile({ 'pkg/a.txt': 'a\n' })
    const dir = join(repo.dir, 'pkg')
    write(dir)
    const marker = `ralph-elsewhere-${process.pid}`
    ends.push(() => rmSync(join(tmpdir(), marker), { force: true }))
    const ran = await ralph(seenFrom(dir), [() => harm()], { options: { verify: [`echo x > ${marker}`], bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(ran.exitCode).not.toBe(0)
    expect(existsSync(join(tmpdir(), marker))).toBe(false)
  })
})

describe('checkouts that it does not work in: a clear reason, and nothing is touched', () => {
  const conflict = 'git checkout -q -b other; echo b > a.txt; git commit -qam b; git checkout -q main; echo c > a.txt; git commit -qam c;'
  const CASES: [string, string, number, string][] = [
    ['no commit', 'rm -rf .git; git init -q', 15, 'no commit'],
    ['a bare repository', 'git config core.bare true; mkdir keep; mv SPEC.md a.txt keep; mv .git/* .; rm -rf .git', 64, 'bare repository'],
    ['no repository', 'rm -rf .git', 64, 'is not in a git checkout'],
    ['a merge', `${conflict} ! git merge -q other`, 15, 'a merge is going on'],
    ['a rebase', `${conflict} ! git rebase -q other`, 15, 'a rebase is going on'],
    ['a cherry-pick', `${conflict} ! git cherry-pick other`, 15, 'a cherry-pick is going on'],
    ['a revert', `${conflict} echo d > a.txt; git commit -qam d; ! git revert --no-edit HEAD~1`, 15, 'a revert is going on'],
    ['a "git am"', `${conflict} git format-patch -q -1 other --stdout > p.mbox; ! git am -q p.mbox`, 15, 'a rebase or a "git am" is going on'],
    ['a bisect', `${conflict} git bisect start -q HEAD HEAD~1 >/dev/null`, 15, 'a bisect is going on'],
    ['an unmerged index', `${conflict} ! git merge -q other; rm .git/MERGE_*`, 15, 'unmerged paths'],
  ]
  test.each(CASES)('%s', async (_name, make, exitCode, words) => {
    repo = await makeHostile()
    sh(repo.dir, make)
    const state = () => sh(repo.dir, 'git status --porcelain 2>&1 | grep -v "^?? \\(.ai/\\|SPEC.md\\)$" || true; git rev-parse HEAD 2>&1 || true; cat a.txt keep/a.txt 2>/dev/null || true; ls .git 2>/dev/null | grep -v "^info$" || true')
    const before = state()
    const ran = await ralph(repo)
    expect(ran.of('run.finished')).toMatchObject([{ exitCode, reason: expect.stringContaining(words) }])
    expect(ran.of('iteration.started')).toHaveLength(0)
    expect(state()).toBe(before)
  })

  test('git is not installed', async () => {
    repo = await makeHostile()
    expect(openPlace({ dir: repo.dir, spec: 'SPEC.md', path: repo.dir })).rejects.toMatchObject({ exitCode: 64, message: expect.stringContaining('git is not installed') })
  })
})

describe('what the agent leaves going on', () => {
  const conflict = 'git checkout -q -b other; echo b > a.txt; git commit -qam b; git checkout -q main; echo c > a.txt; git commit -qam c;'
  test.each([
    ['a merge', `${conflict} ! git merge -q other`],
    ['a rebase', `${conflict} ! git rebase -q other`],
    ['a cherry-pick', `${conflict} ! git cherry-pick other`],
    ['a bisect', `${conflict} git bisect start -q HEAD HEAD~1 >/dev/null`],
  ])('%s: the files are kept, and nothing goes on in the end', async (_name, make) => {
    repo = await makeHostile()
    const base = repo.git('rev-parse', 'HEAD')
    const ran = await ralph(repo, [greet(() => sh(repo.dir, make))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(repo.git('symbolic-ref', 'HEAD')).toBe('refs/heads/main')
    expect(repo.git('rev-parse', 'HEAD^')).toBe(base)
    expect(readdirSync(join(repo.dir, '.git')).filter((name) => /^(MERGE_|CHERRY|REVERT|BISECT|rebase|sequencer)/.test(name))).toEqual([])
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('one that was killed in the middle of a merge goes on', async () => {
    repo = await makeHostile()
    const stop = new AbortController()
    const state = join(repo.dir, '.ai/ralph/state.json')
    let inWork = ''
    await ralph(repo, [() => { inWork = readFileSync(state, 'utf8'); sh(repo.dir, `${conflict} ! git merge -q other`); stop.abort('SIGTERM') }], { stop })
    sh(repo.dir, 'git checkout -q main; ! git merge -q other')
    put(repo, '.ai/ralph/state.json', inWork)
    const ran = await ralph(repo, [greet()])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(existsSync(join(repo.dir, '.git/MERGE_HEAD'))).toBe(false)
  })
})
