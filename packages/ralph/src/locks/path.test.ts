import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isOwn, targetOf, type Target } from './path.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'ralph paths ü ')))
const outside = realpathSync(mkdtempSync(join(tmpdir(), 'ralph-outside-')))
const ground = { root, own: [join(root, 'SPEC.md'), join(root, '.ai')] }
afterAll(() => {
  for (const dir of [root, outside]) rmSync(dir, { recursive: true, force: true })
})

mkdirSync(join(root, 'src/deep'), { recursive: true })
mkdirSync(join(root, '.git'))
writeFileSync(join(root, 'src/a.ts'), '')
symlinkSync('src', join(root, 'link'))
symlinkSync('../src/a.ts', join(root, 'src/alias.ts'))
symlinkSync('deep/not-yet.ts', join(root, 'src/dangling.ts'))
symlinkSync('dangling.ts', join(root, 'src/twice.ts'))
symlinkSync('round.ts', join(root, 'round.ts'))
symlinkSync(outside, join(root, 'way-out'))
symlinkSync(join(root, '.git'), join(root, 'git-by-link'))
symlinkSync(root, join(outside, 'way-in'))
symlinkSync('.ai/notes.md', join(root, 'notes-link'))

const lock = (path: string): Target => ({ kind: 'lock', path })
const free: Target = { kind: 'free' }
const never: Target = { kind: 'never', reason: "git's own files are not edited by hand" }

describe('which lock an edit needs', () => {
  test.each([
    ['a file', 'src/a.ts', lock('src/a.ts')],
    ['one that is not there yet, nor its folder', 'new/deep er/ü\n"x".ts', lock('new/deep er/ü\n"x".ts')],
    ['dots', 'src/../src/./deep/../a.ts', lock('src/a.ts')],
    ['a linked folder', 'link/a.ts', lock('src/a.ts')],
    ['a new file in a linked folder', 'link/b.ts', lock('src/b.ts')],
    ['a linked file', 'src/alias.ts', lock('src/a.ts')],
    ['a link to nothing yet', 'src/dangling.ts', lock('src/deep/not-yet.ts')],
    ['a link to a link to nothing, in a linked folder', 'link/twice.ts', lock('src/deep/not-yet.ts')],
    ['a link to itself', 'round.ts', lock('round.ts')],
    ['a file under a file', 'src/a.ts/b', lock('src/a.ts/b')],
    ['the spec', 'SPEC.md', free],
    ['notes', '.ai/stuck.md', free],
    ['notes by link', 'notes-link', free],
    ['a name that only begins like them', '.ai-notes/x', lock('.ai-notes/x')],
    ['another SPEC.md', 'src/SPEC.md', lock('src/SPEC.md')],
    ["git's own", '.git/hooks/pre-commit', never],
    ["git's own by link", 'git-by-link/config', never],
    ['a nested repository', 'vendor/x/.git/config', never],
    ['what looks like it', '.gitignore', lock('.gitignore')],
    ['a link out', 'way-out/x.ts', free],
    ['a path out', '../x.ts', free],
  ])('%s', async (_name, path, target) => {
    expect(await targetOf(ground, `${root}/${path}`)).toEqual(target)
  })

  test('outside, and in again', async () => {
    expect(await targetOf(ground, join(outside, 'scratch.txt'))).toEqual({ kind: 'free' })
    expect(await targetOf(ground, '/')).toEqual({ kind: 'free' })
    expect(await targetOf(ground, `${root}x/a.ts`)).toEqual({ kind: 'free' })
    expect(await targetOf(ground, join(outside, 'way-in/src/a.ts'))).toEqual({ kind: 'lock', path: 'src/a.ts' })
  })

  test('a checkout that lies in a folder called .git', async () => {
    const inner = join(root, '.git', 'worktree')
    mkdirSync(inner)
    expect(await targetOf({ root: inner, own: [] }, join(inner, 'a.ts'))).toEqual({ kind: 'lock', path: 'a.ts' })
  })

  test('own files by their path in the repository', () => {
    expect(['SPEC.md', '.ai/x', 'src/SPEC.md', '.ai-x'].map((path) => isOwn(ground, path))).toEqual([true, true, false, false])
  })
})
