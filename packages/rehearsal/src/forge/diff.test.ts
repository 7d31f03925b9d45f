import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changedFiles, stats } from './diff.ts'
import { git, ROBOT } from './git.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'diff-'))
  await git(dir, ['init', '--quiet', '.'])
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const commit = async () => {
  await git(dir, ['add', '--all'])
  await git(dir, ['commit', '--quiet', '--allow-empty', '-m', 'x'], { env: ROBOT })
  return git(dir, ['rev-parse', 'HEAD'])
}

test('every kind of change is told with its own counts and patch', async () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n')
  await mkdir(join(dir, 'a dir'))
  await Bun.write(join(dir, 'a dir/old name.txt'), `${lines}\n`)
  await Bun.write(join(dir, 'gone.txt'), 'gone\n')
  await Bun.write(join(dir, 'same.txt'), 'diff --git a/x b/x\n')
  await Bun.write(join(dir, 'zeta.txt'), 'one\n')
  const from = await commit()
  await rm(join(dir, 'a dir'), { recursive: true })
  await rm(join(dir, 'gone.txt'))
  await Bun.write(join(dir, 'moved\tname.txt'), `${lines}\nmore\n`)
  await Bun.write(join(dir, 'picture.bin'), new Uint8Array([0, 1, 2, 0, 255]))
  await Bun.write(join(dir, 'zeta.txt'), 'diff --git a/trick b/trick\n@@ -1 +1 @@\n')
  const files = await changedFiles(dir, from, await commit())
  expect(files.map(({ filename, previous, status, additions, deletions, binary }) => ({ filename, previous, status, additions, deletions, binary }))).toEqual([
    { filename: 'gone.txt', previous: null, status: 'removed', additions: 0, deletions: 1, binary: false },
    { filename: 'moved\tname.txt', previous: 'a dir/old name.txt', status: 'renamed', additions: 1, deletions: 0, binary: false },
    { filename: 'picture.bin', previous: null, status: 'added', additions: 0, deletions: 0, binary: true },
    { filename: 'zeta.txt', previous: null, status: 'modified', additions: 2, deletions: 1, binary: false },
  ])
  expect(files[0]?.patch).toBe('@@ -1 +0,0 @@\n-gone')
  expect(files[1]?.patch).toContain('+more')
  expect(files[2]?.patch).toBe('')
  expect(files[3]?.patch).toBe('@@ -1 +1,2 @@\n-one\n+diff --git a/trick b/trick\n+@@ -1 +1 @@')
  expect(stats(files)).toEqual({ additions: 3, deletions: 2, total: 5 })
})
