import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { IntegrityFinding, type RalphEventBody } from '@factory/shared/ralph'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openPlace } from '../place.ts'
import { makeRepo, PATH, type Repo } from '../testing.ts'
import { openLocks } from './open.ts'
import { lockFindings } from './unlocked.ts'

setDefaultTimeout(30_000)

let repo: Repo
afterEach(() => repo.remove())

const locks = async (command: string, granted: string[] = [], events: RalphEventBody[] = []) =>
  openLocks({ command, place: await openPlace({ dir: repo.dir, spec: 'SPEC.md', path: PATH }), env: { PATH }, emit: (event) => void events.push(event), sleep: async () => undefined, signal: new AbortController().signal, granted })

/** A finished work: one file changed, one gone, one renamed, one new, and files of Ralph's own. */
async function work(): Promise<{ base: string; head: string }> {
  repo = await makeRepo({ 'a.txt': 'a\n', 'gone.txt': 'g\n', 'from.txt': 'some words\n', 'same.txt': 's\n' })
  const base = repo.git('rev-parse', 'HEAD')
  rmSync(join(repo.dir, 'gone.txt'))
  repo.git('mv', 'from.txt', 'to.txt')
  await repo.write({ 'a.txt': 'b\n', 'new.txt': 'n\n', 'SPEC.md': '- [x] it\n', '.ai/notes.md': 'n\n' })
  repo.git('add', '--all')
  repo.git('commit', '--quiet', '--message=work')
  return { base, head: repo.git('rev-parse', 'HEAD') }
}
const asked = async () => (await Bun.file(join(repo.dir, '.git/asked')).text()).trim().split('\n').sort()

test('each path of the whole work is asked for, but for what is ours and for Ralph\'s own files', async () => {
  const { base, head } = await work()
  const found = await (await locks('echo "$1" >> .git/asked; [ "$1" != gone.txt ] && [ "$1" != to.txt ] || { echo "run 7"; exit 1; }', ['new.txt'])).unlocked(base, head)
  expect(await asked()).toEqual(['a.txt', 'from.txt', 'gone.txt', 'to.txt'])
  expect(found).toEqual({ held: [{ path: 'gone.txt', reason: 'run 7' }, { path: 'to.txt', reason: 'run 7' }], unknown: [] })
  const findings = lockFindings(found.held, base)
  expect(findings.map((finding) => IntegrityFinding.parse(finding))).toEqual(findings)
  expect(findings[0]).toEqual({ rule: 'lock_violated', path: 'gone.txt', message: `gone.txt is somebody else's: run 7; put it back as it is in ${base.slice(0, 12)}`, blocking: true, asked: false })
})

test('what cannot be asked is told as such', async () => {
  const { base, head } = await work()
  expect(await (await locks('exit 2')).unlocked(base, head)).toMatchObject({ held: [], unknown: [{ path: 'a.txt' }, { path: 'from.txt' }, { path: 'gone.txt' }, { path: 'new.txt' }, { path: 'to.txt' }] })
})

test('before, after and at the end the same locks are meant', async () => {
  const { base, head } = await work()
  const events: RalphEventBody[] = []
  const mine = await locks('echo "$1" >> .git/asked; [ "$1" != same.txt ]', [], events)
  expect(await mine.beforeEdit(join(repo.dir, 'a.txt'))).toBeNull()
  expect(await mine.beforeEdit(join(repo.dir, 'same.txt'))).toContain('same.txt may not be edited now')
  await repo.write({ 'a.txt': 'c\n', 'same.txt': 'c\n' })
  expect(await mine.keep(head, base)).toEqual({ undone: [{ path: 'same.txt', reason: 'somebody else has its lock' }], unknown: [] })
  expect(await mine.unlocked(base, head)).toEqual({ held: [], unknown: [] })
  expect(events).toEqual([
    { event: 'lock.denied', path: 'same.txt', reason: 'somebody else has its lock' },
    { event: 'lock.violation', path: 'same.txt', reason: 'somebody else has its lock' },
  ])
  expect((await asked()).filter((path) => path === 'a.txt')).toHaveLength(1)
  expect([...mine.granted].sort()).toEqual(['a.txt', 'from.txt', 'gone.txt', 'new.txt', 'to.txt'])
})
