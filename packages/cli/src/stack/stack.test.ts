import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownDemo } from '../demo/own.ts'
import { startChild } from './child.ts'
import { formatLogLine } from './log-line.ts'
import { freePort, isFree } from './ports.ts'
import { configurationProblems } from './problems.ts'

const dir = mkdtempSync(join(tmpdir(), 'factory-stack-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const GOOD = { GITHUB_TOKEN: 'made-up', REPOS: 'owner/name', ANTHROPIC_API_KEY: 'made-up' }

describe('before anything is started', () => {
  test('a good configuration has no problems', () => {
    expect(configurationProblems(GOOD)).toEqual([])
  })

  test('all that is missing is said at once, each variable once, with the fix', () => {
    const problems = configurationProblems({})
    expect(problems.map((line) => line.split(' ')[0])).toEqual(['GITHUB_TOKEN', 'ANTHROPIC_API_KEY', 'REPOS'])
    expect(problems.every((line) => line.includes('Set '))).toBe(true)
  })

  test.each([
    [{ MAX_WORKERS: 'many' }, 'MAX_WORKERS is "many": must be a whole number. Set it to a whole number from 1 to 1000.'],
    [{ POLL_INTERVAL: '5' }, 'POLL_INTERVAL is "5": must be between 1000 and 86400000.'],
    [{ WORKER_RUNTIME: 'swarm' }, 'WORKER_RUNTIME is "swarm": must be docker or process'],
    [{ DATABASE_URL: 'mysql://me:hunter2@db/x' }, 'DATABASE_URL has a value of 23 characters that is not usable'],
  ])('%o', (wrong, said) => {
    const problems = configurationProblems({ ...GOOD, ...wrong })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(said)
    expect(problems[0]).not.toContain('hunter2')
  })

  test('a port in use is seen, and another one taken where that is allowed', async () => {
    const port = await freePort()
    expect(await isFree(port)).toBe(true)
    const server = createServer().listen(port, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    try {
      expect(await isFree(port)).toBe(false)
      expect(await freePort(port)).not.toBe(port)
    } finally {
      server.close()
    }
  })
})

describe('a service as a process', () => {
  const child = (script: string, onLine?: (line: string) => void) =>
    startChild({ name: 'thing', command: [process.execPath, '-e', script], cwd: dir, env: { PATH: process.env.PATH ?? '' }, logFile: join(dir, 'logs', 'thing.log'), onLine })

  test('its output is kept in a file and its last lines at hand', async () => {
    const lines: string[] = []
    const one = child('console.log("first"); console.error("second"); process.exit(3)', (line) => lines.push(line))
    expect(await one.exited).toBe(3)
    expect(one.lastLines().sort()).toEqual(['first', 'second'])
    expect(lines.every((line) => line.startsWith('thing'))).toBe(true)
    expect(await Bun.file(join(dir, 'logs', 'thing.log')).text()).toContain('second\n')
  })

  test('one that does not listen to SIGTERM is ended all the same', async () => {
    let up = () => {}
    const started = new Promise<void>((resolve) => (up = resolve))
    const deaf = child('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)', up)
    await started
    await deaf.stop(100)
    expect(await deaf.exited).toBe(137)
  })

  test('a log line is made readable, other text is left as it is', () => {
    expect(formatLogLine('intake', '{"level":40,"time":"2026-01-02T03:04:05.678Z","service":"intake","msg":"poll failed","repo":"a/b","err":{"type":"Error","message":"no answer","stack":"…"}}')).toBe('03:04:05 intake       WARN  poll failed repo=a/b err=no answer')
    expect(formatLogLine('intake', 'plain text')).toBe('intake       plain text')
  })
})

describe('one demo at a time', () => {
  test('a lock whose process is gone, or is no demo, is taken over; the directory starts empty', async () => {
    const first = ownDemo(dir)
    await Bun.write(join(first.dir, 'old'), 'x')
    // this process is alive, but its command line does not say "demo"
    const second = ownDemo(dir)
    expect(await Bun.file(join(second.dir, 'old')).exists()).toBe(false)
    second.release()
  })
})
