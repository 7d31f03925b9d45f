import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Repo } from '../testing.ts'
import { CHECK, changed, greet, makeHostile, makeTrap, put, ralph, said, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let trap: ReturnType<typeof makeTrap>
afterEach(async () => {
  trap?.remove()
  await repo?.remove()
})

/** Programs that git would start for us, each by a setting or a file of `.git`; the first word names the trap. */
type Arrange = (program: (name: string, then?: string) => string) => void
const config = (name: string, value: string) => repo.git('config', name, value)
const hook = (name: string, then: string): Arrange => (program) => {
  mkdirSync(join(repo.dir, '.git/hooks'), { recursive: true })
  writeFileSync(join(repo.dir, '.git/hooks', name), readFileSync(program(name, then)))
  chmodSync(join(repo.dir, '.git/hooks', name), 0o755)
}
const PROGRAMS: [string, Arrange][] = [
  ...['pre-commit', 'post-checkout', 'post-index-change', 'reference-transaction', 'commit-msg'].map((name): [string, Arrange] => [name, hook(name, 'exit 1')]),
  ['hooksPath', (program) => { mkdirSync(join(repo.dir, 'hooks')); for (const name of ['post-index-change', 'reference-transaction', 'post-checkout']) writeFileSync(join(repo.dir, 'hooks', name), readFileSync(program('hooksPath', 'exit 1')), { mode: 0o755 }); config('core.hooksPath', 'hooks') }],
  ['fsmonitor', (program) => config('core.fsmonitor', program('fsmonitor'))],
  ['sshCommand', (program) => { config('core.sshCommand', program('sshCommand', 'exit 1')); config('remote.origin.url', 'ssh://nowhere.invalid/x'); config('remote.origin.promisor', 'true'); config('remote.origin.partialCloneFilter', 'blob:none'); config('extensions.partialClone', 'origin') }],
  ['pager', (program) => config('core.pager', program('pager', 'cat'))],
  ['diff', (program) => config('diff.external', program('diff', 'exit 1'))],
  ['textconv', (program) => { config('diff.t.textconv', program('textconv', 'exit 1')); repo.git('config', 'diff.t.command', trap.program('textconv', 'exit 1')); put(repo, '.git/info/attributes', '* diff=t\n') }],
  ['gpg', (program) => { config('commit.gpgSign', 'true'); config('tag.gpgSign', 'true'); config('gpg.program', program('gpg', 'exit 1')) }],
  ['editor', (program) => { config('core.editor', program('editor', 'exit 1')); config('sequence.editor', trap.program('editor', 'exit 1')) }],
  ['alias', (program) => { for (const name of ['commit-tree', 'write-tree', 'worktree', 'diff']) config(`alias.${name}`, `!${program('alias', 'exit 1')}`) }],
  ['credential', (program) => config('credential.helper', program('credential'))],
  ['merge', (program) => { config('merge.x.driver', program('merge', 'exit 1')); put(repo, '.git/info/attributes', '* merge=x\n') }],
]
/** Each stands in the way of files, so each alone. */
const FILTERS: [string, Arrange][] = [
  ['clean', (program) => { config('filter.x.clean', program('clean', 'cat; exit 1')); config('filter.x.required', 'true'); put(repo, '.git/info/attributes', 'a.txt filter=x\n') }],
  ['smudge', (program) => { config('filter.x.smudge', program('smudge', 'echo passes')); put(repo, '.git/info/attributes', '* filter=x\n') }],
  ['process', (program) => { config('filter.a=b.c.process', program('process', 'exit 1')); config('filter.a=b.c.required', 'true'); put(repo, '.git/info/attributes', '* filter=a=b.c\n') }],
]

describe('no program of the repository runs by our git calls, and the run is right', () => {
  const names = PROGRAMS.map(([name]) => name)
  test(`there from the beginning: ${names.join(', ')}`, async () => {
    repo = await makeHostile({ 'a.txt': 'a\n', 'a.test.ts': 'x\n' })
    trap = makeTrap()
    const base = repo.git('rev-parse', 'HEAD')
    for (const [, arrange] of PROGRAMS) arrange(trap.program)
    await repo.write({ 'found.md': 'found\n' })
    const ran = await ralph(repo, [greet((task) => put(task, 'a.test.ts', 'y\n'))])
    expect(names.filter(trap.sprung)).toEqual([])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    for (const name of ['core.hooksPath', 'core.fsmonitor', 'diff.external']) repo.git('config', '--unset', name)
    expect(changed(repo, base)).toEqual(['a.test.ts', 'found.md', 'greeting.txt', 'hooks/post-checkout', 'hooks/post-index-change', 'hooks/reference-transaction'])
  })

  test('set by the agent', async () => {
    repo = await makeHostile()
    trap = makeTrap()
    const ran = await ralph(repo, [greet(() => { for (const [, arrange] of PROGRAMS) arrange(trap.program) })])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(names.filter(trap.sprung)).toEqual([])
  })

  test.each(FILTERS)('the filter "%s": what has to pass it stays in the tree as it is, and is named', async (name, arrange) => {
    repo = await makeHostile({ 'a.txt': 'a\n' })
    trap = makeTrap()
    const base = repo.git('rev-parse', 'HEAD')
    arrange(trap.program)
    put(repo, 'a.txt', 'changed\n')
    const ran = await ralph(repo, [greet()], { options: { ...CHECK, bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(trap.sprung(name)).toBe(false)
    expect(said(ran)).toContain('"a.txt" is not in the commit: it has to pass the filter')
    put(repo, '.git/config', '[core]\n\trepositoryformatversion = 0\n')
    expect(readFileSync(join(repo.dir, 'a.txt'), 'utf8')).toBe('changed\n')
    expect(changed(repo, base)).toEqual(name === 'clean' ? ['greeting.txt'] : [])
    expect(ran.exitCode).toBe(name === 'clean' ? 0 : 11)
  })

  test.each(FILTERS)('the filter "%s" of the agent does not run', async (name, arrange) => {
    repo = await makeHostile()
    trap = makeTrap()
    const ran = await ralph(repo, [greet(() => arrange(trap.program))], { options: { ...CHECK, bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(trap.sprung(name)).toBe(false)
    expect(ran.exitCode).toBe(name === 'clean' ? 0 : 11)
  })
})

test('a partial clone: what is not here is not fetched, and the run says so', async () => {
  repo = await makeHostile({ 'a.txt': 'a\n' })
  trap = makeTrap()
  const blob = repo.git('rev-parse', 'HEAD:a.txt')
  sh(repo.dir, 'echo b > a.txt; git commit -qam b')
  rmSync(join(repo.dir, '.git/objects', blob.slice(0, 2), blob.slice(2)))
  for (const [name, value] of [['remote.origin.url', `ext::${trap.program('fetch', 'exit 1')}`], ['remote.origin.promisor', 'true'], ['remote.origin.partialCloneFilter', 'blob:none'], ['extensions.partialClone', 'origin'], ['protocol.ext.allow', 'always']] as const) config(name, value)
  const ran = await ralph(repo, [greet()], { options: { base: 'HEAD~1' } })
  expect(trap.sprung('fetch')).toBe(false)
  expect(ran.of('run.finished')).toMatchObject([{ exitCode: 20, reason: expect.stringContaining(blob) }])
})

describe('the clean room has the commit, whatever the agent made of .git', () => {
  const CHEATS: [string, () => void][] = [
    ['a replaced object', () => { const [bad, good] = ['bad', 'hello'].map((text) => sh(repo.dir, `echo ${text} | git hash-object -w --stdin`)); sh(repo.dir, `git replace ${bad} ${good}`) }],
    ['a smudge filter', () => { config('filter.x.smudge', 'echo hello'); put(repo, '.git/info/attributes', 'greeting.txt filter=x\n') }],
    ['a sparse checkout that leaves the failing check out', () => { sh(repo.dir, 'git sparse-checkout init --no-cone; printf "/*\\n!/check.sh\\n" > .git/info/sparse-checkout') }],
  ]
  test.each(CHEATS)('%s', async (_name, cheat) => {
    repo = await makeHostile({ 'check.sh': 'test ! -e greeting.txt || test "$(cat greeting.txt)" = hello\n' })
    const ran = await ralph(repo, [async (task) => { await greet(() => cheat())(task); put(task, 'greeting.txt', 'bad\n') }], { options: { verify: ['test ! -e check.sh || sh check.sh', 'true'], bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } } })
    expect(ran.exitCode).toBe(11)
    expect(ran.of('run.finished')[0]?.report?.passed ?? false).toBe(false)
  })
})

describe('where git looks is settled at the start', () => {
  test.each<[string, () => void]>([
    ['core.worktree', () => config('core.worktree', trap.dir)],
    ['core.bare', () => config('core.bare', 'true')],
    ['a .git file that points elsewhere', () => sh(repo.dir, `git init -q ${trap.dir}/other; git worktree list >/dev/null; mkdir sub; echo "gitdir: ${trap.dir}/other/.git" > sub/.git`)],
    ['core.ignoreStat', () => config('core.ignoreStat', 'true')],
    ['core.checkStat and trustctime', () => { config('core.checkStat', 'minimal'); config('core.trustctime', 'false') }],
    ['a bad orderFile', () => config('diff.orderFile', '/nowhere')],
    ['submodule.recurse', () => config('submodule.recurse', 'true')],
    ['safecrlf', () => { config('core.autocrlf', 'input'); config('core.safecrlf', 'true') }],
    ['core.ignoreCase', () => config('core.ignoreCase', 'true')],
    ['diff.noprefix and relative', () => { config('diff.noprefix', 'true'); config('diff.relative', 'true'); config('diff.mnemonicPrefix', 'true') }],
  ])('%s, set by the agent, changes nothing', async (_name, set) => {
    repo = await makeHostile({ 'a.txt': 'a\n' })
    trap = makeTrap()
    const base = repo.git('rev-parse', 'HEAD')
    const ran = await ralph(repo, [(task) => { set(); put(task, 'A.txt', 'first\n') }, greet((task) => put(task, 'A.txt', 'large a\r\n'))])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    put(repo, '.git/config', '[core]\n\trepositoryformatversion = 0\n')
    expect(changed(repo, base)).toEqual(['A.txt', 'greeting.txt'])
    expect(repo.git('show', 'HEAD:A.txt')).toBe('large a')
  })

  test.each<[string, () => void, number, string]>([
    ['core.worktree', () => config('core.worktree', trap.dir), 64, 'core.worktree'],
    ['settings that cannot be read', () => put(repo, '.git/config', '[core\n'), 64, 'bad config'],
    ['an extension that this git does not know', () => { config('core.repositoryFormatVersion', '1'); config('extensions.future', 'true') }, 64, 'extension'],
  ])('%s from the beginning: a clear reason', async (_name, set, exitCode, words) => {
    repo = await makeHostile()
    trap = makeTrap()
    set()
    const ran = await ralph(repo)
    expect(ran.of('run.finished')).toMatchObject([{ exitCode, reason: expect.stringContaining(words) }])
  })
})
