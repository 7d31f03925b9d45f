import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGit, withWorktree } from '../git/git.ts'
import { isRunning, makeRepo, PATH, type Repo, until } from '../testing.ts'
import { inherit } from './inherit.ts'
import { makeTemporary } from './leftovers.ts'
import { keyOf, mark, newMarker } from './marker.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let key: string
const more: string[] = []
beforeEach(async () => {
  repo = await makeRepo({ 'a.txt': 'a\n' })
  key = keyOf(repo.dir)
  mkdirSync(join(repo.dir, '.ai/ralph'), { recursive: true })
})
afterEach(async () => {
  await repo.remove()
  for (const path of more.splice(0)) rmSync(path, { recursive: true, force: true })
})
const begin = (died: boolean): Promise<number> => inherit({ dir: repo.dir, key, files: join(repo.dir, '.ai/ralph'), path: PATH, died })
const put = (path: string, text = ''): string => {
  mkdirSync(join(repo.dir, path, '..'), { recursive: true })
  writeFileSync(join(repo.dir, path), text)
  return join(repo.dir, path)
}
/** No process has an id as high as this. */
const NOBODY = 2 ** 30

test('ends what runs and takes away what lies there', async () => {
  const child = Bun.spawn(['sleep', '300'], { env: mark({ PATH }, newMarker(key)), detached: true })
  const gone = [
    await makeTemporary('room', key),
    await makeTemporary('home', key),
    put(`.ai/ralph/state.json.${NOBODY}.tmp`),
    put(`.ai/ralph/spec.${NOBODY}.tmp`),
    put(`.ai/ralph/lock.${NOBODY}.${crypto.randomUUID()}.tmp`),
    put(`.ai/ralph/lock.${crypto.randomUUID()}.heir`),
    put('.git/index.lock'),
    put('.git/HEAD.lock'),
    put('.git/packed-refs.lock'),
    put('.git/refs/heads/main.lock'),
    put('.git/refs/heads/deep/er.lock'),
  ]
  more.push(...gone.slice(0, 2))
  put(`.git/worktrees/ralph-${key}/locked`, 'initializing')
  put(`.git/worktrees/ralph-${key}1/gitdir`, '/tmp/half')
  expect(await begin(false)).toBe(1)
  expect(gone.filter((path) => existsSync(path))).toEqual([])
  expect(readdirSync(join(repo.dir, '.git/worktrees'))).toEqual([])
  await until(() => !isRunning(child.pid))
  expect(repo.git('worktree', 'list').split('\n')).toHaveLength(1)
})

test("leaves what is another's: other checkouts, living processes, links, a worktree on a disk that is not there", async () => {
  const away = mkdtempSync(join(tmpdir(), 'ralph-away-'))
  const link = join(tmpdir(), `ralph-room-${key}_link`)
  symlinkSync(away, link)
  const kept = [await makeTemporary('room', keyOf('/another')), link, put(`.ai/ralph/state.json.${process.ppid}.tmp`), put('.ai/ralph/state.json'), put('.ai/ralph/lock'), put('.ai/ralph/events.jsonl')]
  more.push(...kept.slice(0, 2), away)
  repo.git('worktree', 'add', '--quiet', join(away, 'theirs'))
  rmSync(join(away, 'theirs'), { recursive: true })
  await begin(true)
  expect(kept.filter((path) => !existsSync(path))).toEqual([])
  const git = openGit(repo.dir, PATH)
  const head = await git.must(['rev-parse', 'HEAD'])
  expect(await withWorktree(git, head.trim(), key, async (dir) => existsSync(join(dir, 'a.txt')))).toBe(true)
  expect(readdirSync(join(repo.dir, '.git/worktrees'))).toEqual(['theirs'])
})

test("leaves a git's lock alone where nobody died", async () => {
  const lock = put('.git/index.lock')
  await begin(false)
  expect(existsSync(lock)).toBe(true)
})

test('is no trouble outside of a repository', async () => {
  rmSync(join(repo.dir, '.git'), { recursive: true })
  expect(await begin(true)).toBe(0)
})
