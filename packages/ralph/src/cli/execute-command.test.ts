import { NO_USAGE } from '@factory/shared/ralph'
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openLog } from '../events/log.ts'
import { makeRepo, PATH, toRan, type Ran, type Repo } from '../testing.ts'
import { executeCommand, type Job } from './execute-command.ts'
import type { Io } from './io.ts'

// Real processes on a machine that may be busy.
setDefaultTimeout(60_000)

let repo: Repo
afterEach(() => repo?.remove())

async function execute(work: Job['work'], io: Partial<Io> = {}): Promise<Ran & { err: string }> {
  const lines: string[] = []
  let err = ''
  const exitCode = await executeCommand(
    { env: {}, cwd: repo.dir, out: (line) => lines.push(line), err: (text) => void (err += text), color: false, now: () => new Date(), signal: new AbortController().signal, ...io },
    { dir: repo.dir, run: 'test', resumes: null, quiet: false, plain: false, work },
  )
  return { ...toRan(exitCode, lines), err }
}
const fine: Job['work'] = async ({ emit }) => {
  emit({ event: 'learning.recorded', learning: { kind: 'gotcha', text: 'ports are random' } })
  return { exitCode: 0, reason: 'all good', until: null, headSha: 'abc', usage: NO_USAGE, report: null }
}
const events = (): string => join(repo.dir, '.ai/ralph/events.jsonl')

describe('a record that cannot be kept', () => {
  test.each<[string, () => void]>([
    ['is a link out of the checkout', () => { mkdirSync(join(repo.dir, '.ai/ralph'), { recursive: true }); symlinkSync('/dev/full', events()) }],
    ['is a directory', () => mkdirSync(events(), { recursive: true })],
    ['has a file in its way', () => { mkdirSync(join(repo.dir, '.ai')); writeFileSync(join(repo.dir, '.ai/ralph'), '') }],
  ])('%s: 64 and why, before anything is begun', async (_name, prepare) => {
    repo = await makeRepo({})
    prepare()
    let begun = false
    const ran = await execute(async (given) => { begun = true; return fine(given) })
    expect([begun, ran.exitCode]).toEqual([false, 64])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 64, reason: expect.stringMatching(/and not a (file|directory)/) }])
    expect(ran.err).toContain('ended with 64')
  })

  test('fills up in the middle: the work is told to stop, and what it kept is reported', async () => {
    repo = await makeRepo({})
    let lines = 0
    const ran = await execute(
      async ({ emit, signal }) => {
        const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        emit({ event: 'limit', kind: 'network', message: 'first', until: null })
        emit({ event: 'limit', kind: 'network', message: 'second', until: null })
        await stopped
        return { exitCode: 143, reason: 'terminated', until: null, headSha: 'abc', usage: { ...NO_USAGE, iterations: 2 }, report: null }
      },
      { openLog: (file, onError) => {
        const log = openLog(file, onError)
        // The real thing: /dev/full takes nothing.
        return { ...log, append: (line) => ((lines += 1) === 2 ? openLog('/dev/full', onError).append(line) : log.append(line)) }
      } },
    )
    expect(ran.events.map((event) => event.event)).toEqual(['limit', 'limit', 'run.finished'])
    expect(ran.of('run.finished')[0]).toMatchObject({ exitCode: 20, reason: expect.stringMatching(/ENOSPC.*the run was stopped, its work is kept/), headSha: 'abc', usage: { iterations: 2 } })
    expect(ran.exitCode).toBe(20)
    expect(readFileSync(events(), 'utf8')).toBe(ran.lines[0] ?? '')
    expect(existsSync(join(repo.dir, '.ai/ralph/lock'))).toBe(false)
  })

  // A real process whose files may not grow beyond 2 KiB, as on a full disk.
  test('does not take its last events: standard output has the end, with 20', async () => {
    repo = await makeRepo({ 'a.txt': 'a' })
    const base = repo.git('rev-parse', 'HEAD')
    await repo.write({ 'a.txt': 'b' })
    repo.git('commit', '--quiet', '--all', '--message=change')
    const main = resolve(import.meta.dir, '../main.ts')
    const script = `trap '' XFSZ; ulimit -f 2; exec "$0" --no-env-file "$1" verify --base ${base} --head HEAD --verify 'seq 2000'`
    const done = Bun.spawnSync(['bash', '-c', script, process.execPath, main], { cwd: repo.dir, env: { PATH, BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' } })
    const ran = toRan(done.exitCode, done.stdout.toString().trim().split('\n'))
    expect(ran.events.map((event) => event.event)).toEqual(['run.started', 'verify.finished', 'run.finished'])
    expect(ran.of('run.finished')).toMatchObject([{ exitCode: 20, reason: expect.stringMatching(/EFBIG.*ended with 0/) }])
    expect(done.exitCode).toBe(20)
  })
})

test('a person at one terminal reads lines; the events are in their file', async () => {
  repo = await makeRepo({})
  let printed = ''
  const ran = await execute(fine, { eventsOut: false, terminal: { columns: () => 80 }, err: (text) => void (printed += text) })
  expect([ran.exitCode, ran.lines]).toEqual([0, []])
  expect(readFileSync(events(), 'utf8').trim().split('\n')).toHaveLength(2)
  expect(printed).toContain('ended with 0: all good')
})
