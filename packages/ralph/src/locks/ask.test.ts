import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRunning, PATH, until } from '../testing.ts'
import { createAsk, type Ask } from './ask.ts'
import { firstWords } from './question.ts'

const made: string[] = []
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
})
function setUp(command: string, more: Partial<Parameters<typeof createAsk>[0]> = {}): { ask: Ask; dir: string; granted: Set<string>; log: () => string[] } {
  const dir = mkdtempSync(join(tmpdir(), 'ralph ask ü '))
  made.push(dir)
  const granted = new Set<string>()
  const log = () => (existsSync(join(dir, 'log')) ? readFileSync(join(dir, 'log'), 'utf8').split('\n').filter(Boolean) : [])
  return { ask: createAsk({ command, root: dir, env: { PATH, TOKEN: 'the caller' }, granted, signal: new AbortController().signal, ...more }), dir, granted, log }
}

describe('what the command says', () => {
  test.each([
    ['exit 0 is a yes', 'exit 0', { kind: 'granted' }],
    ['exit 1 is a no with its words', 'echo "held by run 7"; exit 1', { kind: 'held', reason: 'held by run 7' }],
    ['standard error speaks where standard output is silent', 'echo "held by 8" >&2; exit 1', { kind: 'held', reason: 'held by 8' }],
    ['a no without words', 'exit 1', { kind: 'held', reason: 'somebody else has its lock' }],
    ['colours and control characters go', String.raw`printf '\033[31mred\033[0m\tby\000 run\n\n  9 \n'; exit 1`, { kind: 'held', reason: 'red by  run\n9' }],
    ['any other exit code cannot be asked', 'echo broken >&2; exit 2', { kind: 'unknown', reason: 'the command ended with exit code 2: broken' }],
    ['nor a command that is not there', 'no-such-program-here', { kind: 'unknown', reason: expect.stringContaining('exit code 127') }],
    ['nor one that dies', 'kill -9 $$', { kind: 'unknown', reason: 'the command was killed' }],
  ] as const)('%s', async (_name, command, answer) => {
    expect(await setUp(command).ask('a.ts')).toEqual(answer)
  })

  test('it gets the path as $1 and in the environment, the root, and the environment of the caller', async () => {
    const { ask, dir, log } = setUp('printf "%s|%s|%s|%s\\n" "$1" "$RALPH_PATH" "$PWD" "$TOKEN" >> log')
    await ask('a b/ü "$HOME".ts')
    expect(log()).toEqual([`a b/ü "$HOME".ts|a b/ü "$HOME".ts|${dir}|the caller`])
  })

  test('a megabyte of words is read and cut', async () => {
    const answer = await setUp('yes "somebody else" | head -c 1000000; exit 1').ask('a.ts')
    expect(answer).toEqual({ kind: 'held', reason: Array.from({ length: 5 }, () => 'somebody else').join('\n') })
    expect(firstWords('x'.repeat(5000))).toHaveLength(500)
  })

  test('one that hangs is killed with all it started', async () => {
    const { ask, dir } = setUp('sleep 300 & echo $! > pid; sleep 300', { limitMs: 200 })
    expect(await ask('a.ts')).toEqual({ kind: 'unknown', reason: 'no answer within 0.2 s' })
    await until(() => !isRunning(Number(readFileSync(join(dir, 'pid'), 'utf8'))))
  })

  test('what it leaves running after its end stays, and holds nobody up', async () => {
    const { ask, dir } = setUp('sleep 300 & echo $! > pid; echo mine; exit 0')
    expect(await ask('a.ts')).toEqual({ kind: 'granted' })
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'))
    expect(isRunning(pid)).toBe(true)
    process.kill(pid, 'SIGKILL')
  })

  test('a stop of the run ends the question, and the next one is not asked', async () => {
    const stop = new AbortController()
    const { ask, log } = setUp('echo x >> log; sleep 300', { signal: stop.signal })
    const asked = ask('a.ts')
    await until(() => log().length === 1)
    stop.abort('SIGTERM')
    expect(await asked).toEqual({ kind: 'unknown', reason: 'the run is being stopped' })
    expect(await ask('b.ts')).toEqual({ kind: 'unknown', reason: 'the run is being stopped' })
  })

  test('a root that is gone cannot be asked in', async () => {
    expect(await setUp('exit 0', { root: '/dev/null/gone' }).ask('a.ts')).toMatchObject({ kind: 'unknown' })
  })
})

describe('how often it is asked', () => {
  test('what is ours is not asked again; a no is', async () => {
    const { ask, granted, log } = setUp('echo "$1" >> log; [ "$1" = mine ]')
    for (const path of ['mine', 'theirs', 'mine', 'theirs']) await ask(path)
    expect(log()).toEqual(['mine', 'theirs', 'theirs'])
    expect([...granted]).toEqual(['mine'])
  })

  test('one question a path at a time, at most so many in all', async () => {
    const { ask, dir, log } = setUp('echo "start $1" >> log; until [ -e go ]; do sleep 0.01; done', { parallel: 2 })
    const all = ['a', 'a', 'b', 'c', 'b'].map((path) => ask(path))
    await until(() => log().length === 2)
    expect(log().sort()).toEqual(['start a', 'start b'])
    await Bun.write(join(dir, 'go'), '')
    expect(await Promise.all(all)).toEqual(Array.from({ length: 5 }, () => ({ kind: 'granted' })))
    expect(log().sort()).toEqual(['start a', 'start b', 'start c'])
  })
})
