import { NO_USAGE, type RalphEventBody } from '@factory/shared/ralph'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openWriter } from './events/writer.ts'
import { filesIn } from './place.ts'
import { takeLock } from './progress/lock.ts'
import { saveState, type RunState } from './progress/state.ts'
import { readStatus, sayStatus, type Status } from './status.ts'

let dir: string
let files: ReturnType<typeof filesIn>
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ralph-status-'))
  files = filesIn(join(dir, '.ai'))
  mkdirSync(join(dir, '.ai/ralph'), { recursive: true })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const NOW = Date.UTC(2026, 0, 1, 12)
const STATE: RunState = {
  v: 2, run: 'r1', startedAt: '2026-01-01T10:00:00.000Z', elapsedMs: 60_000, baseSha: 'a', head: 'b', branch: null, spec: '# T\n\n- [x] first\n- [ ] second\n', setup: [], verify: [], required: [], baseline: null,
  iterations: [{ task: 'x', kind: 'work', tree: 't', commit: 'b', ticked: ['x'], verified: true, failing: 0, failure: null, note: '' }], current: null, stuckSince: 0, trees: [], everTicked: [], evidence: [], agentNotes: null, diagnosis: null, learnings: [], lastTicked: null, usage: { ...NO_USAGE, iterations: 1, costUsd: 0.5 }, untold: null, outcome: null,
}
const task = { id: 'x', text: 'second' }
const started: RalphEventBody = { event: 'run.started', mode: 'run', baseSha: 'a', tasks: [], verify: [], model: null, maxIterations: 25, resumed: false }
const turn: RalphEventBody = { event: 'iteration.started', iteration: 2, task, kind: 'diagnosis', promptTokens: 1 }
const did = (summary: string): RalphEventBody => ({ event: 'agent.activity', iteration: 2, kind: 'tool', summary, tool: 'Bash', rule: null, parent: null })
const verified: RalphEventBody = { event: 'verify.finished', report: { baseSha: 'a', headSha: 'b', base: [], head: [], findings: [], diff: { files: 1, insertions: 1, deletions: 0 }, passed: false, reason: '`bun test` exited with 1' } }
const finished = (exitCode: number, until: string | null = null): RalphEventBody => ({ event: 'run.finished', exitCode, reason: 'why', until, headSha: 'c', usage: { ...NO_USAGE, costUsd: 0.75 }, report: null })

async function write(bodies: RalphEventBody[], run = 'r1'): Promise<void> {
  const writer = openWriter({ run, file: files.events, now: () => new Date(NOW - 65_000), out: () => undefined })
  for (const body of bodies) writer.emit(body)
  await writer.close()
}
async function state(given: Partial<RunState> = {}): Promise<void> {
  await saveState(files.state, { ...STATE, ...given })
  utimesSync(files.state, NOW / 1000 - 30, NOW / 1000 - 30)
}
const read = (): Promise<Status> => readStatus(dir, NOW)

describe('a run at work', () => {
  test('everything there is to know', async () => {
    await state()
    await write([started, verified, turn, did('Bash bun test')])
    const lock = await takeLock(files.lock, 'r1')
    const status = await read()
    expect(status).toEqual({
      run: 'r1', mode: 'run', running: true, pid: process.pid, lastEventAt: new Date(NOW - 65_000).toISOString(), iteration: 2, maxIterations: 25, kind: 'diagnosis', tasksDone: 1, tasksTotal: 2, task: 'second', activity: 'Bash bun test',
      costUsd: 0.5, elapsedMs: 90_000, lastVerification: { passed: false, reason: '`bun test` exited with 1', at: new Date(NOW - 65_000).toISOString() }, pausedUntil: null, outcome: null, head: 'b', stuckFile: null,
    })
    expect(sayStatus(status, NOW)).toBe(
      `r1: running (process ${process.pid})\n1 of 2 tasks done, iteration 2 of 25 (diagnosis), $0.5000, 01:30\nat work on: second\nlast activity: Bash bun test\nlast event: 2026-01-01T11:58:55.000Z (01:05 ago)\nlast verification: not passed: \`bun test\` exited with 1\n`,
    )
    if ('release' in lock) await lock.release()
  })
  test('that has written nothing yet: what an earlier one wrote is not taken for its own', async () => {
    await state({ run: 'r0' })
    await write([started, did('old'), finished(11)], 'r0')
    const lock = await takeLock(files.lock, 'r1')
    expect(await read()).toMatchObject({ run: 'r1', running: true, activity: null, iteration: 0, costUsd: 0, lastEventAt: null })
    if ('release' in lock) await lock.release()
  })
  test('that waits for a limit', async () => {
    await state()
    await write([started, turn, { event: 'limit', kind: 'usage', message: 'm', until: '2026-01-01T12:10:00.000Z' }])
    expect((await read()).pausedUntil).toBe('2026-01-01T12:10:00.000Z')
    await write([did('goes on')])
    expect((await read()).pausedUntil).toBeNull()
  })
})

describe('a run that is over', () => {
  test('by itself', async () => {
    await state({ outcome: { exitCode: 12, reason: 'older', until: null } })
    await write([started, turn, finished(12, '2026-01-01T15:00:00.000Z')])
    expect(await read()).toMatchObject({ running: false, outcome: { exitCode: 12, reason: 'why' }, pausedUntil: '2026-01-01T15:00:00.000Z', costUsd: 0.75, task: 'second', elapsedMs: 60_000 })
  })
  test('killed', async () => {
    await state()
    await write([started, turn])
    expect(sayStatus(await read(), NOW)).toContain('did not end by itself; "ralph run" goes on')
  })
  test('stuck, with its report', async () => {
    writeFileSync(files.stuck, '# Stuck')
    await write([started, finished(10)])
    const status = await read()
    expect(status.stuckFile).toBe(files.stuck)
    expect(sayStatus(status, NOW)).toContain(`what a person should know: ${files.stuck}`)
  })
  test('resumed: the old end is forgotten', async () => {
    await write([started, finished(12)])
    await write([{ ...started, resumed: true } as RalphEventBody, turn])
    expect((await read()).outcome).toBeNull()
  })
})

describe('files as they come', () => {
  test('none', async () => expect(sayStatus(await read(), NOW)).toBe('no run here\n'))
  test.each<[string, () => void]>([
    ['a torn state', () => truncateSync(files.state, 40)],
    ['a state that is none', () => writeFileSync(files.state, '[]')],
    ['no state', () => rmSync(files.state)],
  ])('%s: the events are enough', async (_name, tear) => {
    await state()
    await write([started, turn, did('a')])
    tear()
    expect(await read()).toMatchObject({ run: 'r1', iteration: 2, maxIterations: 25, activity: 'a', tasksTotal: 0 })
  })
  test('torn events: the others are enough', async () => {
    await state()
    await write([started, turn, did('a')])
    appendFileSync(files.events, '{"v":1,"seq":4,"ru')
    expect(await read()).toMatchObject({ activity: 'a', maxIterations: 25 })
    rmSync(files.events)
    mkdirSync(files.events)
    expect(await read()).toMatchObject({ run: 'r1', iteration: 1, activity: null, costUsd: 0.5 })
  })
  test('of another run: its state is not taken for this one', async () => {
    await state({ run: 'r0' })
    await write([started, did('a')], 'r1')
    expect(await read()).toMatchObject({ run: 'r1', costUsd: 0, tasksTotal: 0 })
  })
  test('what an agent wrote is only printed', async () => {
    await write([started, did('\u001b]0;owned\u0007')])
    expect(sayStatus(await read(), NOW)).not.toContain('\u001b')
  })
  test('of any size: only the end is read, and the start of the run is found', async () => {
    await write([finished(0)], 'r0')
    await write([started])
    await write(Array.from({ length: 8000 }, (_, index) => did(`${index} ${'x'.repeat(300)}`)))
    expect(statSync(files.events).size).toBeGreaterThan(3 * 1024 * 1024)
    expect(await read()).toMatchObject({ run: 'r1', maxIterations: 25, activity: expect.stringMatching(/^7999 /) })
  })
})
