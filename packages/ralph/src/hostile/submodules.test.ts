import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Repo } from '../testing.ts'
import { changed, CHECK, greet, makeHostile, ralph, said, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let remotes: string
beforeEach(async () => {
  remotes = mkdtempSync(join(tmpdir(), 'ralph remotes '))
  for (const [name, more] of [['deep', ''], ['lib', `git submodule add -q '${join(remotes, 'deep')}' deep;`]] as const) {
    sh(remotes, `git init -q -b main ${name}; cd ${name}; ${more} echo ${name} > ${name}.txt; git add -A; git commit -qm 1; echo 2 > second.txt; git add -A; git commit -qm 2; git checkout -q HEAD~1 2>/dev/null`)
  }
  repo = await makeHostile()
  sh(repo.dir, `git submodule add -q '${join(remotes, 'lib')}' 'vendor/my lib'; git -c protocol.file.allow=always submodule update -q --init --recursive; git commit -qm submodule`)
  // Nobody may be asked for it from here on.
  sh(remotes, 'mv lib lib-away; mv deep deep-away')
})
afterEach(async () => {
  rmSync(remotes, { recursive: true, force: true })
  await repo?.remove()
})

const ONE = { ...CHECK, bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } }

describe('submodules', () => {
  test('the clean room has them as the checkout has, those inside of them too, without asking their remotes', async () => {
    const ran = await ralph(repo, [greet()], { options: { verify: ['test "$(cat "vendor/my lib/lib.txt" "vendor/my lib/deep/deep.txt" | tr "\\n" .)" = lib.deep.', 'test ! -e "vendor/my lib/second.txt"'] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 1 } } }])
    expect(said(ran)).not.toContain('is not in the commit')
    expect(sh(repo.dir, 'git status --porcelain; git -C "vendor/my lib" worktree list | wc -l')).toBe('1')
  })

  test('one that is not initialised is an empty directory in both', async () => {
    sh(repo.dir, 'git submodule -q deinit -f --all')
    const ran = await ralph(repo, [greet()], { options: { verify: ['test -d "vendor/my lib" -a ! -e "vendor/my lib/lib.txt"'] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
  })

  test('a commit that is not there: a reason that says what to do', async () => {
    sh(repo.dir, 'git update-index --cacheinfo "160000,1234567890123456789012345678901234567890,vendor/my lib"; git commit -qm elsewhere')
    const ran = await ralph(repo, [greet()])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 15, reason: expect.stringContaining('run "git submodule update --init vendor/my lib"') }])
  })

  const EDITS: [string, string, string[], string | null][] = [
    ['edits inside are not committed, and named', 'echo edit > "vendor/my lib/lib.txt"', ['greeting.txt'], 'has changes inside of a submodule'],
    ['edits two levels down', 'echo edit > "vendor/my lib/deep/deep.txt"', ['greeting.txt'], 'has changes inside of a submodule'],
    ['a commit inside that nobody else has', 'cd "vendor/my lib"; echo edit > lib.txt; git commit -qam edit; cd ../..; git add vendor', ['greeting.txt'], 'is a submodule at a commit that its remote does not have'],
    ['another commit that its remote has', 'cd "vendor/my lib"; git checkout -q origin/main; cd ../..; git add vendor', ['greeting.txt', 'vendor/my lib'], null],
    ['another commit that nobody staged', 'cd "vendor/my lib"; git checkout -q origin/main', ['greeting.txt'], 'is a submodule at another commit than the one recorded'],
    ['taken away', 'git rm -qf "vendor/my lib"', ['.gitmodules', 'greeting.txt', 'vendor/my lib'], null],
  ]
  test.each(EDITS)('%s', async (_name, edit, paths, words) => {
    const base = repo.git('rev-parse', 'HEAD')
    const ran = await ralph(repo, [greet(() => sh(repo.dir, edit))], { options: ONE })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(changed(repo, base)).toEqual(paths)
    if (words === null) expect(said(ran)).not.toContain('is not in the commit')
    else expect(said(ran)).toContain(`"vendor/my lib" is not in the commit: it ${words}`)
  })
})
