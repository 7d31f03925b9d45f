import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, until, type Repo } from '../testing.ts'
import { greet, makeHostile, makeTrap, ralph, sh } from './testing.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
let trap: ReturnType<typeof makeTrap>
afterEach(async () => {
  trap?.remove()
  await repo?.remove()
})

async function start(): Promise<void> {
  repo = await makeHostile({ 'a.txt': 'a\n' })
  trap = makeTrap()
}
const ONE = { bounds: { maxIterations: 1, maxCostUsd: 9, maxMinutes: 9 } }

describe('without anything to verify with', () => {
  test('the run does not begin, unless that is allowed', async () => {
    await start()
    expect((await ralph(repo, [greet()], { options: { verify: [] } })).of('run.finished')).toMatchObject([{ exitCode: 14, reason: expect.stringContaining('--no-verify-ok') }])
    expect((await ralph(repo, [greet()], { options: { verify: [], allowUnchecked: true } })).of('run.finished')).toMatchObject([{ exitCode: 0, reason: expect.stringContaining('nothing to verify with') }])
  })
})

describe('checks that do what checks should not', () => {
  const GOOD = 'test "$(cat greeting.txt)" = hello'
  /** Command, whether it succeeds, words of its output. */
  const CASES: [string, string, boolean, string][] = [
    ['wants a terminal', 'test ! -t 0 && test ! -t 1 && tty', false, 'not a tty'],
    ['reads its standard input, which is at its end', 'cat; echo read', true, 'read'],
    ['asks for a password on the terminal', 'echo x < /dev/tty', false, '/dev/tty'],
    ['writes 200 MB', 'head -c 200000000 /dev/zero | tr "\\0" x; echo end', true, 'xend'],
    ['writes what is no text', 'head -c 100000 /dev/urandom; printf "\\xff\\x00\\x1b[2J"', true, ''],
    ['takes the .git of its room away', 'rm -f .git', true, ''],
    ['leaves what it may not delete', 'mkdir -p ro/x && touch ro/x/y && chmod -R 500 ro', true, ''],
    ['is no command', 'there-is-no-such-command', false, 'not found'],
    ['kills itself', 'kill -9 $$', false, ''],
    ['is no shell', 'if then', false, 'syntax error'],
  ]
  test.each(CASES)('%s', async (_name, command, succeeds, words) => {
    await start()
    const rooms = join(trap.dir, 'rooms')
    const ran = await ralph(repo, [greet()], { options: { ...ONE, verify: [`pwd >> '${rooms}'`, command], require: [GOOD] } })
    const report = ran.of('verify.finished').at(-1)?.report
    // A check that fails as it did before the work says nothing against it.
    expect(report?.base.find((check) => check.command === command)?.exitCode === 0).toBe(succeeds)
    expect(report?.head.find((check) => check.command === command)?.outputTail).toContain(words)
    expect(ran.exitCode).toBe(0)
    expect(readFileSync(rooms, 'utf8').trim().split('\n').map((room) => existsSync(room))).toEqual([false, false])
    expect(repo.git('worktree', 'list').split('\n')).toHaveLength(1)
    expect(repo.git('status', '--porcelain')).toBe('')
  })

  test('the directory is gone for the next command: that one fails, and the run goes on', async () => {
    await start()
    const ran = await ralph(repo, [greet()], { options: { ...ONE, verify: ['test ! -e greeting.txt || rm -rf "$PWD"', 'test -e a.txt'] } })
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 11, report: { passed: false } }])
  })

  test('one that goes into the background in a session of its own is ended', async () => {
    await start()
    const file = join(trap.dir, 'pid')
    const ran = await ralph(repo, [greet()], { options: { verify: [`setsid sh -c 'echo $$ >> "${file}"; exec sleep 600' >/dev/null 2>&1 & until test -s "${file}"; do :; done`] } })
    expect(ran.exitCode).toBe(0)
    // Killed, but not yet gone from the table of processes.
    for (const pid of readFileSync(file, 'utf8').trim().split('\n')) await until(() => !isRunning(Number(pid)))
  })

  test('checks that change the checkout: its branch stays at what was verified, and its files are not hidden', async () => {
    await start()
    const base = repo.git('rev-parse', 'HEAD')
    const harm = 'main=$(git rev-parse --path-format=absolute --git-common-dir); cd "$(dirname "$main")"; unset GIT_DIR; test ! -e greeting.txt || { git -c user.name=x -c user.email=x@x commit -q --allow-empty -m theirs; git checkout -q -b other; git tag -f moved; git config core.hooksPath /nowhere; echo x > from-a-check.txt; }'
    const ran = await ralph(repo, [greet()], { options: { verify: [harm, 'true'] } })
    expect(ran.exitCode).toBe(0)
    const head = ran.of('run.finished')[0]?.headSha
    expect(sh(repo.dir, 'git symbolic-ref HEAD; git rev-parse HEAD')).toBe(`refs/heads/main\n${head}`)
    expect(repo.git('diff', '--name-only', base, 'HEAD')).toBe('greeting.txt')
    expect(existsSync(join(repo.dir, 'from-a-check.txt'))).toBe(true)
    expect(repo.git('status', '--porcelain')).toBe('?? from-a-check.txt')
  })
})
