import { NO_USAGE, parseSpec, tickTasks, type RalphEvent, type RalphEventBody } from '@factory/shared'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadRun, recover } from './recover.ts'
import { saveState, type RunState } from './state.ts'
import { findUnfinished } from './unfinished.ts'

const SPEC = '# T\n\n- [ ] the first task\n- [ ] the second task\n'
const [first, second] = parseSpec(SPEC).tasks.map(({ id, text }) => ({ id, text }))
if (!first || !second) throw new Error('two tasks')

const STATE: RunState = {
  v: 1, run: 'r', mode: 'run', startedAt: '2026-01-01T00:00:00.000Z', elapsedMs: 1000, baseSha: 'base', head: 'base', branch: 'refs/heads/main', spec: SPEC, setup: [], verify: ['true'],
  baseline: null, iterations: [], stuckSince: 0, trees: ['t0'], evidence: ['old'], learnings: [], lastTicked: null, usage: NO_USAGE, outcome: null,
}
const usage = { ...NO_USAGE, iterations: 1, costUsd: 0.5 }
const started: RalphEventBody = { event: 'run.started', mode: 'run', baseSha: 'base', tasks: [], verify: [], model: null, maxIterations: 9, resumed: false }
const begun = (iteration: number, task = first): RalphEventBody => ({ event: 'iteration.started', iteration, task, kind: 'work', promptTokens: null })
const finished = (iteration: number, more: { commit?: string | null; tree?: string } = {}): RalphEventBody => ({ event: 'iteration.finished', iteration, durationMs: 1, isError: false, endedBy: null, commit: `c${iteration}`, tree: `t${iteration}`, usage, text: null, ...more })
const done = (task = first): RalphEventBody => ({ event: 'task.completed', task, verified: true })
const reopened: RalphEventBody = { event: 'task.reopened', task: first, reason: 'it fails', rule: null }
const end = (exitCode: number): RalphEventBody => ({ event: 'run.finished', exitCode, reason: '', until: null, headSha: null, usage, report: null })
const beat = (elapsedMs: number): RalphEventBody => ({ event: 'heartbeat', iteration: 1, elapsedMs })
const said = (bodies: readonly RalphEventBody[]): RalphEvent[] => bodies.map((body, index) => ({ v: 1, seq: index + 1, ts: '2026-01-01T00:00:00.000Z', run: 'r', ...body }))

const known: RunState = { ...STATE, iterations: [{ task: first.id, newTree: true, progress: true, failure: null }], trees: ['t0', 't1'], head: 'c1', usage, spec: tickTasks(SPEC, [first.id]), lastTicked: first.id }

describe('a run that was killed is found as it said it was', () => {
  test.each<[string, RunState, RalphEventBody[], Partial<RunState>, boolean]>([
    ['nothing beyond the state', known, [started, begun(1), finished(1), done()], known, false],
    ['an iteration that was said and not saved', STATE, [started, begun(1), finished(1)], { iterations: [{ task: first.id, newTree: true, progress: false, failure: null }], head: 'c1', usage, trees: ['t0', 't1'], spec: SPEC, evidence: ['old'] }, false],
    ['with its tick', STATE, [started, begun(1), finished(1), done()], { iterations: [{ task: first.id, newTree: true, progress: true, failure: null }], spec: tickTasks(SPEC, [first.id]), lastTicked: first.id, evidence: [] }, false],
    ['with a tick that did not stand', STATE, [started, begun(1), finished(1), reopened], { spec: SPEC, evidence: ['it fails'] }, false],
    ['one without a change', STATE, [started, begun(1), finished(1, { commit: null, tree: 't0' })], { iterations: [{ task: first.id, newTree: false, progress: false, failure: null }], head: 'base', trees: ['t0'] }, false],
    ['the second of two', known, [started, begun(1), finished(1), done(), begun(2, second), finished(2), done(second)], { head: 'c2', usage: { ...usage, iterations: 2, costUsd: 1 }, lastTicked: second.id, spec: tickTasks(SPEC, [first.id, second.id]) }, false],
    ['older ticks do not come again', { ...known, spec: SPEC }, [started, begun(1), finished(1), done()], { spec: SPEC }, false],
    ['an end that was decided and never said', { ...known, outcome: { exitCode: 10, reason: 'stuck' } }, [started, begun(1), finished(1)], { outcome: null }, false],
    ['an end that was said', { ...known, outcome: { exitCode: 10, reason: 'stuck' } }, [started, begun(1), finished(1), end(10)], { outcome: { exitCode: 10, reason: 'stuck' } }, true],
    ['an end that was said, and a new beginning', { ...known, outcome: { exitCode: 11, reason: '' } }, [started, end(11), started], { outcome: null }, false],
    ['an end, and no events at all: somebody cleaned up', { ...known, outcome: { exitCode: 11, reason: '' } }, [], { outcome: { exitCode: 11, reason: '' } }, true],
    ['time, over two lives', STATE, [started, beat(15_000), beat(30_000), started, beat(15_000)], { elapsedMs: 45_000 }, false],
    ['time the state knows better', { ...STATE, elapsedMs: 99_000 }, [started, beat(15_000)], { elapsedMs: 99_000 }, false],
  ])('%s', (_name, state, events, expected, ended) => {
    const found = recover(state, said(events))
    expect(found.state).toMatchObject(expected)
    expect(found.ended).toBe(ended)
    // What was recovered once is not counted twice.
    if (events.length > 0) expect(recover(found.state, said(events)).state).toEqual(found.state)
  })
})

describe('without a name', () => {
  let dir: string
  let files: { state: string; events: string; lock: string }
  let spec: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ralph-recover-'))
    files = { state: join(dir, 'state.json'), events: join(dir, 'events.jsonl'), lock: join(dir, 'lock') }
    spec = join(dir, 'SPEC.md')
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const write = (events: readonly RalphEventBody[]): void => writeFileSync(files.events, `half a li\n${said(events).map((event) => JSON.stringify(event)).join('\n')}\n{"v":1,"se`)

  const verified = { exitCode: 0, reason: '' }
  test.each<[string, RunState, RalphEventBody[], string, boolean]>([
    ['one that was killed goes on', known, [started], known.spec, true],
    ['also with a box that was opened and not saved', known, [started], SPEC, true],
    ['one that has an end that nobody was told', { ...known, outcome: verified }, [started], known.spec, true],
    ['not one that is done', { ...known, outcome: verified }, [started, end(0)], known.spec, false],
    ['not one that is stuck', { ...known, outcome: { exitCode: 10, reason: '' } }, [started, end(10)], known.spec, false],
    ['one that reached a limit', { ...known, outcome: { exitCode: 11, reason: '' } }, [started, end(11)], known.spec, true],
    ['not when a person opened a box again after the end', { ...known, outcome: { exitCode: 11, reason: '' } }, [started, end(11)], SPEC, false],
    ['not for another spec', { ...known, outcome: { exitCode: 11, reason: '' } }, [started, end(11)], '- [ ] something else\n', false],
  ])('%s', async (_name, state, events, text, goesOn) => {
    await saveState(files.state, state)
    write(events)
    writeFileSync(spec, text)
    expect(await findUnfinished(files, spec)).toBe(goesOn ? 'r' : null)
    expect((await loadRun(files))?.state.run).toBe('r')
  })

  test('one that was killed after it wrote its end goes on: perhaps nobody was told, perhaps its agent wrote it', async () => {
    await saveState(files.state, { ...known, outcome: verified })
    write([started, end(0)])
    writeFileSync(spec, known.spec)
    writeFileSync(files.lock, JSON.stringify({ pid: 2 ** 30, started: '', run: 'r' }))
    expect(await findUnfinished(files, spec)).toBe('r')
  })

  test('a spec that its agent rewrote before the kill is not another spec; one that came later is', async () => {
    await saveState(files.state, known)
    write([started])
    writeFileSync(spec, '- [x] something easy\n')
    const now = Date.now() / 1000
    utimesSync(files.events, now - 60, now - 60)
    utimesSync(spec, now - 61, now - 61)
    expect(await findUnfinished(files, spec)).toBe('r')
    utimesSync(spec, now, now)
    expect(await findUnfinished(files, spec)).toBeNull()
  })
})
