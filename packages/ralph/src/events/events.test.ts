import { MAX_EVENT_LINE_BYTES, NO_USAGE, RalphEvent, type RalphEventBody } from '@factory/shared'
import { afterEach, expect, test } from 'bun:test'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { render } from './render.ts'
import { openWriter } from './writer.ts'

let dir: string
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const now = () => new Date('2026-01-01T00:00:00Z')
const started: RalphEventBody = { event: 'heartbeat', iteration: 1, elapsedMs: 5 }
const finished: RalphEventBody = { event: 'run.finished', exitCode: 0, reason: 'r', until: null, headSha: null, usage: NO_USAGE, report: null }

function writer(run = 'r1') {
  const lines: string[] = []
  return { lines, ...openWriter({ run, file: join(dir, 'ralph/events.jsonl'), now, out: (line) => lines.push(line) }) }
}

test('numbers go on over runs of the same name, also after half a line', () => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-events-'))
  const first = writer()
  first.emit(started)
  first.emit(started)
  first.close()
  appendFileSync(join(dir, 'ralph/events.jsonl'), '{"v":1,"seq":3,"run":"r1","ev')
  const second = writer()
  second.emit(started)
  second.close()
  expect(JSON.parse(second.lines[0] ?? '')).toMatchObject({ seq: 3, run: 'r1' })
  const other = writer('r2')
  other.emit(started)
  other.close()
  expect(JSON.parse(other.lines[0] ?? '').seq).toBe(1)
  expect(readFileSync(join(dir, 'ralph/events.jsonl'), 'utf8').split('\n')).toHaveLength(6)
})

test('nothing comes after the end', () => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-events-'))
  const { emit, lines, close } = writer()
  for (const body of [started, finished, finished, started]) emit(body)
  close()
  expect(lines).toHaveLength(2)
})

test('a line stays below its limit and stays an event', () => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-events-'))
  const { emit, lines, close } = writer()
  const check = { command: 'c'.repeat(3000), exitCode: 1, durationMs: 1, timedOut: false, outputTail: 'ü😀'.repeat(4000), tests: null }
  const report = { baseSha: 'a'.repeat(40), headSha: 'b'.repeat(40), base: Array.from({ length: 30 }, () => check), head: Array.from({ length: 30 }, () => check), findings: [], diff: { files: 1, insertions: 1, deletions: 1 }, passed: false, reason: 'r'.repeat(100_000) }
  emit({ event: 'verify.finished', report })
  emit({ event: 'run.started', mode: 'run', baseSha: null, tasks: Array.from({ length: 500 }, (_, index) => ({ id: `id${index}`, text: 't'.repeat(4000), done: false })), verify: [], model: null, maxIterations: 1, resumed: false })
  close()
  for (const line of lines) {
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_EVENT_LINE_BYTES)
    expect(RalphEvent.safeParse(JSON.parse(line)).success).toBe(true)
  }
  expect(JSON.parse(lines[0] ?? '').report.headSha).toBe('b'.repeat(40))
})

test('people see one line an event, colour only where it is wanted', () => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-events-'))
  const event = RalphEvent.parse({ v: 1, seq: 1, ts: '2026-01-01T10:11:12.000Z', run: 'r', ...finished })
  expect(render(event, { color: false, quiet: true, time: true })).toBe('10:11:12 ended with 0: r (0 iterations, $0.0000)')
  expect(render(event, { color: true, quiet: false, time: false })).toBe('\u001b[32mended with 0: r (0 iterations, $0.0000)\u001b[0m')
  expect(render(RalphEvent.parse({ ...event, event: 'heartbeat', iteration: 1, elapsedMs: 1 }), { color: false, quiet: false, time: false })).toBeNull()
})
