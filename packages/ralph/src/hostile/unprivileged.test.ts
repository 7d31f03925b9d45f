import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeRepo, PATH, toRan, type Ran, type Repo } from '../testing.ts'
import { SPEC, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
/** Of the runs here alone. */
let temporary: string
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'ralph-unprivileged-'))
})
afterEach(async () => {
  rmSync(temporary, { recursive: true, force: true })
  sh(repo.dir, 'chmod -R u+rwX .')
  await repo.remove()
})

const DRIVER = join(import.meta.dir, 'unprivileged.fixture.ts')
const setpriv = Bun.which('setpriv')
/** Root reads and writes everywhere; without these two it is a user like any other. */
const AS_USER = process.getuid?.() === 0 ? [setpriv ?? 'setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-dac_override,-dac_read_search'] : []

/** A run in a process of its own, whose scripted agent is one shell command in front of the work. */
async function run(command: string, ...checks: string[]): Promise<Ran> {
  const child = Bun.spawn([...AS_USER, process.execPath, DRIVER, repo.dir, command, ...checks], { env: { PATH, HOME: '/dev/null', TMPDIR: temporary }, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (out === '') throw new Error(err)
  return toRan(exitCode, out.trim().split('\n'))
}
const words = (ran: Ran): string => ran.of('agent.activity').map((event) => event.summary).join('\n')

describe.skipIf(AS_USER.length > 0 && setpriv === null)('as a user who may not read everything', () => {
  test('an unreadable file is left out and named, the rest is committed', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n', 'locked.txt': 'l\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run('echo secret > secret.txt; echo more >> locked.txt; echo fine > fine.txt; mkdir dir; echo x > dir/x; chmod 000 secret.txt locked.txt dir')
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 2 } } }])
    expect(repo.git('ls-tree', '-r', '--name-only', 'HEAD').split('\n')).toEqual(['a.txt', 'fine.txt', 'greeting.txt', 'locked.txt'])
    expect(repo.git('show', 'HEAD:locked.txt')).toBe('l')
    for (const name of ['secret.txt', 'locked.txt']) expect(words(ran)).toMatch(new RegExp(`"${name}" is not in the commit: it cannot be committed: .*Permission denied`))
  })

  test('an exclude file and directories that may not be written do not end the run', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n', 'dir/a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    mkdirSync(join(repo.dir, '.git/info'), { recursive: true })
    sh(repo.dir, 'touch .git/info/exclude; chmod 400 .git/info/exclude; chmod 500 .git/info dir')
    const ran = await run('echo changed > dir/a.txt')
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0, report: { diff: { files: 2 } } }])
    expect(repo.git('ls-tree', '-r', '--name-only', 'HEAD').split('\n')).toEqual(['a.txt', 'dir/a.txt', 'greeting.txt'])
  })

  test('a check that leaves what may not be deleted does not end the run', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    const ran = await run('true', 'mkdir -p ro/x "$HOME/ro/x"; touch "$HOME/ro/x/y"; chmod -R 500 "$HOME/ro"; touch ro/x/y; chmod -R 500 ro')
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 0 }])
    expect(readdirSync(temporary)).toEqual([])
    expect(repo.git('worktree', 'list').split('\n')).toHaveLength(1)
  })

  test('a .git that may not be written is a reason', async () => {
    repo = await makeRepo({ 'a.txt': 'a\n' })
    await repo.write({ 'SPEC.md': SPEC })
    sh(repo.dir, 'chmod -R a-w .git')
    expect((await run('true')).of('run.finished')).toMatchObject([{ exitCode: 20, reason: expect.stringMatching(/^git .*Permission denied/s) }])
  })
})
