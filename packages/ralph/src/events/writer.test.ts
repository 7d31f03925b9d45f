import { MAX_EVENT_LINE_BYTES, NO_USAGE, RalphEvent, type RalphEventBody } from '@factory/shared/ralph'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLog } from './log.ts'
import { openWriter, type WriterOptions } from './writer.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-events-'))
  file = join(dir, 'ralph/events.jsonl')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const now = () => new Date('2026-01-01T00:00:00Z')
const beat: RalphEventBody = { event: 'heartbeat', iteration: 1, elapsedMs: 5 }
const completed: RalphEventBody = { event: 'task.completed', task: { id: 'a', text: 'b' }, verified: true }
const finished: RalphEventBody = { event: 'run.finished', exitCode: 0, reason: 'r', until: null, headSha: null, usage: NO_USAGE, report: null }

function writer(given: Partial<WriterOptions> = {}) {
  const lines: string[] = []
  const failures: string[] = []
  return { lines, failures, ...openWriter({ run: 'r1', file, now, out: (line) => lines.push(line), onFailure: (reason) => failures.push(reason), ...given }) }
}
const parse = (line: string | undefined): RalphEvent => RalphEvent.parse(JSON.parse(line ?? ''))

describe('numbers', () => {
  test('go on over runs of the same name, also after half a line', async () => {
    const first = writer()
    first.emit(beat)
    first.emit(beat)
    await first.close()
    appendFileSync(file, '{"v":1,"seq":3,"run":"r1","ev')
    const second = writer()
    second.emit(beat)
    await second.close()
    expect(parse(second.lines[0])).toMatchObject({ seq: 3, run: 'r1' })
    const other = writer({ run: 'r2' })
    other.emit(beat)
    await other.close()
    expect(parse(other.lines[0]).seq).toBe(1)
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(6)
  })

  test('end with the run', async () => {
    const { emit, lines, close } = writer()
    expect([beat, finished, finished, beat].map((body) => emit(body)?.event ?? null)).toEqual(['heartbeat', 'run.finished', null, null])
    await close()
    expect(lines).toHaveLength(2)
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  })
})

test('a line stays below its limit and stays an event', async () => {
  const { emit, lines, close } = writer()
  const check = { command: 'c'.repeat(3000), exitCode: 1, durationMs: 1, timedOut: false, outputTail: 'ü😀'.repeat(4000), tests: null }
  const report = { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: Array.from({ length: 30 }, () => check), head: Array.from({ length: 30 }, () => check), findings: [], diff: { files: 1, insertions: 1, deletions: 1 }, passed: false, reason: 'r'.repeat(100_000) }
  emit({ event: 'verify.finished', report })
  emit({ event: 'run.started', mode: 'run', baseSha: null, tasks: Array.from({ length: 500 }, (_, index) => ({ id: `id${index}`, text: 't'.repeat(4000), done: false })), verify: [], model: null, maxIterations: 1, resumed: false })
  await close()
  for (const line of lines) {
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_EVENT_LINE_BYTES)
    parse(line)
  }
  expect(parse(lines[0])).toMatchObject({ report: { headSha: 'b'.repeat(40) } })
})

describe('the disk', () => {
  /** The real log, with its syncs counted. */
  function watched() {
    const calls: string[] = []
    const open: typeof openLog = (path, onError) => {
      const log = openLog(path, onError)
      return { ...log, append: (line) => { calls.push('write'); log.append(line) }, sync: () => { calls.push('sync'); log.sync() }, syncSoon: () => { calls.push('soon'); log.syncSoon() } }
    }
    return { calls, open }
  }

  test('has every event: at once, or before anybody hears of it', async () => {
    const { calls, open } = watched()
    const { emit, close } = writer({ open, out: () => calls.push('out') })
    for (const body of [beat, completed, beat, finished]) emit(body)
    await close()
    expect(calls).toEqual(['write', 'soon', 'out', 'write', 'sync', 'out', 'write', 'soon', 'out', 'write', 'sync', 'out'])
  })

  test('takes thousands of lines with a sync each behind them', async () => {
    const { emit, lines, close, failure } = writer()
    for (let count = 0; count < 3000; count += 1) {
      emit(beat)
      if (count % 500 === 0) await new Promise(setImmediate)
    }
    await close()
    expect(failure()).toBeNull()
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  })

  // /dev/full takes nothing: every write to it says that no space is left.
  test('is full: told once, said at the end, and standard output still has everything', async () => {
    const { emit, lines, failures, close, failure } = writer({ file: '/dev/full' })
    for (const body of [beat, beat, finished]) emit(body)
    await close()
    expect(failures).toEqual([expect.stringMatching(/^events cannot be written to \/dev\/full: .*ENOSPC/)])
    expect(failure()).toBe(failures[0] ?? '')
    expect(lines.map((line) => parse(line).event)).toEqual(['heartbeat', 'heartbeat', 'run.finished'])
    expect(parse(lines[2])).toMatchObject({ exitCode: 20, reason: expect.stringContaining('the work itself ended with 0: r') })
  })

  test('is full at the very last line', async () => {
    const { emit, lines, close } = writer({ open: (path, onError) => {
      const log = openLog(path, onError)
      return { ...log, append: (line) => { if (line.includes('run.finished')) openLog('/dev/full', onError).append(line); else log.append(line) } }
    } })
    emit(beat)
    emit(finished)
    await close()
    expect(parse(lines[1])).toMatchObject({ seq: 2, exitCode: 20, reason: expect.stringContaining('ENOSPC') })
  })

  test('fails in the background', async () => {
    let tell: (error: Error) => void = () => undefined
    const { emit, lines, close } = writer({ open: (path, onError) => { tell = onError; return openLog(path, onError) } })
    emit(beat)
    tell(new Error('EIO: i/o error, fsync'))
    emit(finished)
    await close()
    expect(parse(lines.at(-1))).toMatchObject({ exitCode: 20, reason: expect.stringContaining('EIO') })
  })

  test.each<[string, () => void]>([
    ['a directory', () => mkdirSync(file, { recursive: true })],
    ['a link out of the checkout', () => { mkdirSync(join(dir, 'ralph')); symlinkSync(join(dir, 'elsewhere'), file) }],
    ['a pipe', () => { mkdirSync(join(dir, 'ralph')); Bun.spawnSync(['mkfifo', file]) }],
    ['below a file', () => appendFileSync(join(dir, 'ralph'), '')],
  ])('holds no file there, but %s', async (_name, prepare) => {
    prepare()
    const { emit, lines, close, failure } = writer()
    emit(finished)
    await close()
    expect(failure()).toContain('events cannot be written')
    expect(parse(lines[0]).event).toBe('run.finished')
  })
})
